// Set file: what `holmctl set` keeps, laid into the TOML of a drop-in or a record. Pure.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/toml_value.h"

namespace holm::machine {

// The text with these properties under [resources] in place of what it had of them; several of one name are a list, and one whose
// value is empty goes. "" where nothing is left. Errors: Invalid, of a text that is no TOML.
Result<std::string> set_resources(const Source& before, std::span<const std::pair<std::string, std::string>> assignments);

}  // namespace holm::machine
