// A machine's definition (holm.machine(5)) ⇄ Spec. Pure. Strict: an unknown key, a wrong type or a bad value is an error with
// its place, "FILE:LINE:COLUMN: unknown key 'root.lowr' (did you mean 'lower'?)".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"
#include "machine/toml_value.h"

namespace holm::machine {

// The machine that the sources describe together, each laid over those before it (merge_toml): profiles in their order,
// the file, its drop-ins. Every key of holm.machine(5) is taken, also of what this version cannot do: see check_supported.
// Errors: Invalid.
Result<Spec> parse_spec(const MachineName& name, std::span<const Source> sources);

// The names under the key `profiles` of one source. Errors: Invalid.
Result<std::vector<std::string>> profiles_of(const Source& source);

enum class Origins { Leave, Comment };  // Comment: "# FILE:LINE" behind each key that came from a file

// The definition as TOML, keys with default values left out: parse_spec of it gives an equal Spec, but for the origins.
std::string describe_spec_file(const Spec& spec, Origins origins = Origins::Leave);

// Errors: NotSupported, "'security.nesting' does not go with isolation = "runsc": … (/etc/holm/machines/web.toml:7:1)", for the first key
// whose value asks for what the machine's isolation cannot do.
Result<> check_supported(const Spec& spec);

}  // namespace holm::machine
