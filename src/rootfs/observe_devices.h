// Observes the device nodes that a machine is to have. Reads; outside.
#pragma once

#include <vector>

#include "base/error.h"
#include "machine/spec.h"
#include "rootfs/facts.h"

namespace holm::rootfs {

// For each of security.devices its node, links followed, or the nodes in that folder and below it. Errors: NotFound, Invalid (no device,
// too many): with where it was written.
Result<std::vector<std::vector<Device>>> observe_devices(const machine::Spec& spec);

}  // namespace holm::rootfs
