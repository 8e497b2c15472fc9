// Dependants: which machines would break if another, or a plain image, were gone, or had another name. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "machine/name.h"
#include "machine/spec.h"
#include "rootfs/plan.h"

namespace holm::daemon {

// Of `specs`, those that need the machine `name`, whose state is in the folder `state`: "'db' (unit.requires)".
std::vector<std::string> find_dependants(const machine::MachineName& name, std::string_view state, std::span<const machine::Spec> specs);

// Whether `spec` needs the plain image at `path`, which `names` lead to.
bool names_plain(const machine::Spec& spec, std::span<const std::string> names, std::string_view path);

// Whether a machine that runs has something of what lies at `path`.
bool uses(const rootfs::Plan& plan, std::string_view path);

}  // namespace holm::daemon
