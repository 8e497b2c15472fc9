// Dependants: which machines would break if another were gone, or had another name. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

// Of `specs`, those that need the machine `name`, whose state is in the folder `state`: "'db' (unit.requires)".
std::vector<std::string> find_dependants(const machine::MachineName& name, std::string_view state, std::span<const machine::Spec> specs);

}  // namespace holm::daemon
