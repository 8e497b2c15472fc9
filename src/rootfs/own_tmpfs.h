// The tmpfs that a machine gets: it belongs to the machine's root, and has the label of its mounts. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "kernel/mount.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// options: of tmpfs(5), beside the owner. attributes: MOUNT_ATTR_*.
kernel::FileSystem own_tmpfs(const Plan& plan, std::initializer_list<std::pair<std::string, std::string>> options, uint64_t attributes);

}  // namespace holm::rootfs
