// make_plan: from what the user asked and what the host is to the plan of a machine. Pure: all that can be decided is
// decided here, and all that can be refused without trying it is refused here.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "launch/facts.h"
#include "launch/plan.h"
#include "machine/spec.h"

namespace holm::launch {

// What holm.toml says for every machine.
struct Defaults {
    std::chrono::microseconds start_timeout = std::chrono::seconds(90), stop_timeout = std::chrono::seconds(90);
    std::vector<std::pair<std::string, std::string>> resources;  // those of the definition win
    bool operator==(const Defaults&) const = default;
};

// How this start was asked for; nothing of it is in the definition.
struct Request {
    UnitKind unit = UnitKind::Scope;
    Console console = Console::Terminal;
    bool remove_at_end = false;
    std::string hold = {};  // Plan::hold
    std::string term;       // of the client's terminal; "" where there is none
    std::string state_folder = "/var/lib/holm/machines";
    Defaults defaults;
    bool operator==(const Request&) const = default;
};

// Errors: Invalid, NotSupported, NotFound, NoCommand, NotExecutable; each names the key and where it was written.
Result<Plan> make_plan(const machine::Spec& spec, const Facts& facts, const Request& request);

}  // namespace holm::launch
