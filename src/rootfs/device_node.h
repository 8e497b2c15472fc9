// Device node: a device of the host as a file of a machine's. Applies; outside, with the host's privileges.
#pragma once

#include <string>

#include "base/error.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// Makes `name` in `folder`, owned by the ids of the machine which have the numbers of its owners on the host, root where it has none such.
// Errors: EEXIST, EPERM (mknod(2) is not allowed here) and the like, as sys_errno.
Result<> make_device_node(const Plan& plan, int folder, const std::string& name, const Device& device);

}  // namespace holm::rootfs
