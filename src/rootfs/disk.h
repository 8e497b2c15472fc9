// File systems in files: what a plan says of one, mounted by a loop device. Applies; outside.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// The disk of that path; null: the path is no disk of these.
const Disk* find_disk(std::span<const Disk> disks, const std::string& path);

// Mounts the file system of an open file, without device nodes, read-only unless the disk is writable, and with these attributes
// (MOUNT_ATTR_*); attached nowhere yet: closing it unmounts it and gives the loop device back. Errors: NotSupported (no loop devices);
// Invalid (damaged, or a kind that this kernel cannot read).
Result<Fd> mount_disk(int file, const Disk& disk, uint64_t attributes = 0);
// The same of the file at disk.path.
Result<Fd> open_disk(const Disk& disk);

}  // namespace holm::rootfs
