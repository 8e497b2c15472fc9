// The root itself: layers, upper and overlay, or a directory in place. Applies; outside, in a private mount namespace.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/open_sources.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// A folder of the host's /run, covered by a private tmpfs in which the root is put together: 0 … 63 (layers), state or memory, upper and
// work (links), root, masks, runtime.
inline constexpr const char* stage = "/run/holm";
inline constexpr const char* staged_root = "/run/holm/root";
inline constexpr const char* staged_runtime = "/run/holm/runtime";
inline constexpr const char* runtime_tmp = "machine-tmp";  // in it: /tmp of the machine

// Mounts the stage, makes it the working directory, and makes its masks.
Result<> make_stage();

// What of the stage covers what must not be seen: a file and a folder that cannot be opened, and a folder that is empty.
enum class StageMask { File, Folder, EmptyFolder };
Result<Fd> open_stage_mask(StageMask mask);

// "'/srv/a' as layer 1 of machine 'web'", for errors.
std::string describe_layer(const Plan& plan, size_t index);

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
