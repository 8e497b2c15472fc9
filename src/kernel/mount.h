// Mount: the new mount API (fsopen(2), open_tree(2), mount_setattr(2), move_mount(2)) on descriptors. Effects: mounts; outside and inside.
#pragma once

#include <sys/mount.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// The flags that most of what a guest may write to should have.
inline constexpr uint64_t no_suid_dev = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
inline constexpr uint64_t no_suid_dev_exec = no_suid_dev | MOUNT_ATTR_NOEXEC;

struct FileSystem {
    std::string type;
    std::vector<std::pair<std::string, std::string>> options;  // a value of "" makes a flag of the key
    uint64_t attributes = 0;                                   // MOUNT_ATTR_*
    std::string source = {};                                   // a block device; "": it has none
};

// A new mount of a file system, attached nowhere yet; closing it unmounts it. An error has what the kernel says besides errno.
Result<Fd> make_mount(const FileSystem& file_system);

enum class Subtree { Alone, WithMountsBelow };

// A copy of the mount at `file`, with that file or folder as its root: a bind mount that is attached nowhere yet.
Result<Fd> clone_mount(int file, Subtree subtree);

// What mount_setattr(2) shall change of a mount.
struct MountChange {
    uint64_t attributes = 0;    // MOUNT_ATTR_* to set, besides those that are
    int user_namespace = -1;    // id-map it by this one: detached mounts only, once
    bool make_private = false;  // mounts on the host no longer appear below it
    Subtree subtree = Subtree::Alone;
};
// Errors: Invalid where the file system cannot be id-mapped; all others of mount_setattr(2).
Result<> change_mount(int mount, const MountChange& change);

// Attaches a detached mount on what `target` has opened, which may be a file.
Result<> attach_mount(int mount, int target);

// mount(2), for the one file system that is mounted by it: overlay, whose layers fsconfig(2) cannot name before 6.5.
Result<> mount_overlay(const std::string& target, const std::string& options, unsigned long flags);

// Makes this process's mount namespace receive no more than unmounts and mounts of the host, and send it nothing.
Result<> make_mounts_slave();

// Whether writes fail for the mount's sake.
Result<bool> is_read_only(int file);
// statfs(2) f_type: PROC_SUPER_MAGIC and the like.
Result<uint64_t> file_system_magic(int file);
// "ext4", "overlay"; "0x…" of one that this table does not know.
std::string file_system_name(int file);

}  // namespace holm::kernel
