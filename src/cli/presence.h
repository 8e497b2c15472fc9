// Presence: what a definition names and this host has not got. Observes.
#pragma once

#include <string>
#include <vector>

#include "kernel/definition_files.h"
#include "machine/settings.h"
#include "machine/spec.h"

namespace holm::cli {

// A sentence for each: roots, images, sources of mounts, networks and interfaces, devices, files of credentials, the owner; and limits
// that nothing enforces here. What the caller may not look at is taken to be there.
std::vector<std::string> find_absent(const machine::Spec& spec, const kernel::Places& places, const machine::Settings& settings);

}  // namespace holm::cli
