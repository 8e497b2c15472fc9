// The schema of a machine's definition: every key of holm.machine(5), its grammar and its member of Spec. Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "machine/spec.h"
#include "machine/toml_value.h"

namespace holm::machine {

// Sets the members that the document has keys for, and spec.origins. Errors: Invalid, with the place.
Result<> read_spec(const TomlValue& document, Spec& spec);

// The keys that are not at their default, as TOML.
std::string write_spec(const Spec& spec, bool with_origins);

// What no single key shows: keys that exclude or need each other. Errors: Invalid, with the place.
Result<> check_consistent(const Spec& spec);

}  // namespace holm::machine
