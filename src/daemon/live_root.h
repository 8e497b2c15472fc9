// Mounts and devices of a machine that runs, one at a time; its plan in /run follows. For a child of holmd. Effects: makes processes that
// join the machine.
#pragma once

#include "base/error.h"
#include "daemon/inside.h"
#include "launch/plan.h"

namespace holm::daemon {

// `now`: what the machine is; saved with the change.
Result<> attach_mount(const Leader& leader, launch::Plan& now, const rootfs::Mount& mount);
Result<> detach_mount(const Leader& leader, launch::Plan& now, const rootfs::Mount& mount);
Result<> add_device(const Leader& leader, launch::Plan& now, const rootfs::Device& device);
Result<> remove_device(const Leader& leader, launch::Plan& now, const rootfs::Device& device);

}  // namespace holm::daemon
