// Mounts in a machine that runs. Applies; outside, each in a process of its own that is spent on it: it joins the machine.
#pragma once

#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

struct LiveMount {
    const Plan& plan;
    int leader = -1;          // pidfd of the machine's PID 1
    int user_namespace = -1;  // of the machine; -1: it has none
    std::string source;       // absolute, on the host
    std::string target;       // absolute, inside
    bool read_only = false, nosuid = false, nodev = false, noexec = false;
    bool recursive = true;  // of a folder: with what is mounted below it
    bool id_mapped = true;
    bool make_target = false;  // it and the folders above it, as the machine's root
};

// Mounts `source` on `target`. With a user namespace its attributes are locked: the machine's root can unmount it, but not make it
// writable. Errors: NotFound, NotSupported (a file system that cannot be id-mapped).
Result<> attach_live(const LiveMount& mount);

// Makes a node of a device of the host at its path inside, where the plan's unit lets it be used. What is there already is covered.
Result<> attach_live_device(const Plan& plan, int leader, int user_namespace, const Device& device);
// Takes the node away, whether it was made live or at the start of the machine.
Result<> remove_live_device(int leader, bool has_user_namespace, const std::string& path);

// Takes the mount on `target` away, at once, whoever uses it. Errors: Invalid, where none is there or it is one of the machine's own since
// its start, which are locked.
Result<> detach_live(int leader, bool has_user_namespace, const std::string& target);

}  // namespace holm::rootfs
