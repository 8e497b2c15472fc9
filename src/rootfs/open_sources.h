// What a plan names by path on the host, opened before any namespace of the machine exists: from then on no path is resolved again.
// Applies; outside, in a private mount namespace.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// The source of one of plan.mounts. Each is kept as a mount in a folder of Sources, not as a descriptor: there may be more mounts than
// this process may have open files.
struct MountSource {
    bool there = false;       // it needs one, and it is not an optional one that is missing
    size_t layers = 0;        // of an overlay
    std::string upper, work;  // of an overlay that has them: their names in its staged_state
};

struct Sources {
    std::vector<Fd> layers;   // of plan.lower; with only_usr, and one layer, its /usr
    Fd state;                 // Upper::Directory: the folder that holds upper and work, which must be on one mount
    std::string upper, work;  // their names in it
    Fd staged;                // a private tmpfs with the sources of mounts, and disks; none where there are none
    std::vector<MountSource> mounts;
};

// Names in Sources.staged, by the index of the mount: of a bind; of a layer of an overlay; of what holds its upper and work.
std::string staged_bind(size_t mount);
std::string staged_layer(size_t mount, size_t layer);
std::string staged_state(size_t mount);
// Of one of plan.disks, by its index.
std::string staged_disk(size_t disk);

// Opens the sources, and makes upper and work where they are holm's own. What has an owner of its own is id-mapped here. Errors name the
// path, its place and the machine.
Result<Sources> open_sources(const Plan& plan);

}  // namespace holm::rootfs
