// Entering the root: this process's own, locked copy of what was attached outside, the file systems that belong to the machine's
// namespaces, and the change of root. Applies; inside.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// What is opened before the change of root and used after it. Each descriptor is of a mount of ours, whatever the root's paths say.
struct Inside {
    Fd root;  // the top of the machine's root
    Fd devpts;
};

// Makes the mount namespace whose mounts are locked, and mounts in it cgroup2, devpts and mqueue. The process must have all its other
// namespaces, and be their root.
Result<Inside> mount_inside(const Plan& plan);

// Makes the machine's root the root of this process, and leaves the host's behind.
Result<> change_root(const Inside& inside);

// Before change_root: this process's own, locked copy of what make_runtime_root made.
Result<Fd> take_runtime_root();
// Makes it the root of this process, in a mount namespace of its own.
Result<> enter_runtime_root(int root);

// Writes, links and removes plan.files with the machine's own privileges, regular files and links only, never through a link. What fails is
// a sentence of the answer, not an error.
std::vector<std::string> write_files(int root, const std::vector<File>& files);

}  // namespace holm::rootfs
