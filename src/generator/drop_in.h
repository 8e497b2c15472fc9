// What systemd reads of a machine's unit at load alone, as a drop-in of holm@NAME.service. Pure.
#pragma once

#include <string>
#include <string_view>

#include "machine/spec.h"

namespace holm::generator {

// Text for the value of a unit file's setting that takes specifiers and no quotes: no `%` is one, no line goes on behind it.
std::string quote_value(std::string_view text);

// One word of RequiresMountsFor=: a blank, a quote, a `%` or `\` in it stands for itself.
std::string quote_path(std::string_view path);

// The drop-in's content: Description, After, Requires, Wants, RequiresMountsFor, and Slice where it is not machine.slice.
std::string describe_drop_in(const machine::Spec& spec);

}  // namespace holm::generator
