// identity.toml: what was drawn for a machine once and stays its own, as text. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "launch/facts.h"

namespace holm::launch {

std::string describe_identity(const Identity& identity);

// Strict, as all files of holm. `file` names the text in errors. Errors: Invalid.
Result<Identity> parse_identity(std::string_view text, std::string_view file);

}  // namespace holm::launch
