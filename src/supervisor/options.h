// Options: the command line of holm-supervisor (holmd(8)). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "machine/name.h"

namespace holm::supervisor {

enum class Mode {
    Scope,    // of holmd, by a channel: it says "go" when the scope is there
    Service,  // of systemd: holm-prepare asks holmd for the plan
    ByHand,   // in somebody's terminal, without holmd
};

struct Options {
    Mode mode = Mode::Service;
    machine::MachineName machine;
    std::string plan;            // path
    int channel = -1;            // descriptor
    std::string setup, prepare;  // programs; others are for tests
};

inline constexpr std::string_view usage = "holm-supervisor --machine=NAME [--plan=PATH [--channel=DESCRIPTOR]]";

// The arguments after the program's name. Errors: Invalid.
Result<Options> parse_options(std::span<const std::string_view> arguments);

}  // namespace holm::supervisor
