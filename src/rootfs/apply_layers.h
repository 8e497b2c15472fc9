// The root itself: layers, upper and overlay, or a directory in place. Applies; outside, in a private mount namespace.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// What a plan names by path on the host, opened before any namespace of the machine exists: from then on no path is resolved again.
struct Sources {
    std::vector<Fd> layers;   // of plan.lower; with only_usr, and one layer, its /usr
    Fd state;                 // Upper::Directory: the folder that holds upper and work, which must be on one mount
    std::string upper, work;  // their names in it
    std::vector<Fd> mounts;   // of plan.mounts; none where a mount needs no source or an optional one is missing
};

// Opens the sources, and makes upper and work where they are holm's own. Errors name the path, its place and the machine.
Result<Sources> open_sources(const Plan& plan);

// A folder of the host's /run, covered by a private tmpfs in which the root is put together: 0 … 63 (layers), state or memory, upper and
// work (links), root, masks.
inline constexpr const char* stage = "/run/holm";
inline constexpr const char* staged_root = "/run/holm/root";

// Mounts the stage, makes it the working directory, and makes its masks.
Result<> make_stage();

// What of the stage covers what must not be seen: a file and a folder that cannot be opened, and a folder that is empty.
enum class StageMask { File, Folder, EmptyFolder };
Result<Fd> open_stage_mask(StageMask mask);

struct LayersInput {
    const Plan& plan;
    const Sources& sources;
    int user_namespace = -1;  // of the machine; -1: it has none
    Fd memory;                // the upper in memory of the machine's last boot, where it had one
};
struct Layers {
    Fd root;    // staged_root, attached
    Fd memory;  // Upper::Memory: a detached mount of it, which keeps it over the end of this namespace
};
// Attaches the layers in the stage, and the root that they make at staged_root. Acts on files as the machine's root.
Result<Layers> attach_root(LayersInput input);

// id-maps a detached mount for the machine, with `attributes`; `what` names it in errors, which say what to do where the file system
// cannot be id-mapped.
struct Mapping {
    const Plan& plan;
    int user_namespace = -1;
    uint64_t attributes = 0;
    bool id_mapped = true;
    bool recursive = false;
};
Result<> map_mount(int mount, const Mapping& mapping, const std::string& what);

}  // namespace holm::rootfs
