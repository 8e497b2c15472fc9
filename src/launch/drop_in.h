// What systemd reads of a machine's unit at load alone, as a drop-in of holm@NAME.service. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "machine/spec.h"

namespace holm::launch {

// Text for the value of a unit file's setting that takes specifiers and no quotes: no `%` is one, no line goes on behind it.
std::string quote_value(std::string_view text);

// One word of RequiresMountsFor=: a blank, a quote, a `%` or `\` in it stands for itself.
std::string quote_path(std::string_view path);

// The drop-in's content: Description, After, Requires, Wants, RequiresMountsFor, and Slice where it is not machine.slice.
std::string describe_drop_in(const machine::Spec& spec);

// What starts with the host's shutdown, and the drop-in by which it elapses after `timeout`.
inline constexpr const char* shutdown_timer = "holm-shutdown.timer";
std::string describe_shutdown_timer(std::chrono::microseconds timeout);

// The name of both in holm@NAME.service.d and holm-shutdown.timer.d of the generator's folder.
inline constexpr const char* drop_in_file = "10-holm.conf";

// The lines of a drop-in that say in what order, where and with which BPF programs the unit runs. Where they differ from those that
// systemd has loaded, the definition was edited since.
std::string ordering_of(std::string_view drop_in);

}  // namespace holm::launch
