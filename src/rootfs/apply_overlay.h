// An overlay, of the root or of a mount, put together in the stage, the working directory. Applies; outside.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/open_sources.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// A detached mount, attached at a new folder of the stage.
Result<> attach_in_stage(int mount, const std::string& name);
Result<> link_in_stage(const std::string& target, const std::string& name);
// The same to folder `name` of `above`, which is no link itself: to what is open, whatever the name comes to stand for. To be held until
// the overlay is mounted.
Result<Fd> link_folder_in_stage(const std::string& above, const std::string& name, const std::string& link);

struct StagedOverlay {
    std::string what;          // "the overlay of machine 'web'"
    std::string prefix;        // of its names in the stage: PREFIX0 … its layers, PREFIXupper and PREFIXwork
    std::string context = {};  // of SELinux; "": none
    size_t layers = 1;
    bool upper = false;
};
// Mounts it at a new folder of the stage.
Result<> mount_overlay_in_stage(const StagedOverlay& overlay, const std::string& target);

struct OverlayMountInput {
    const Plan& plan;
    const Mount& mount;
    const MountSource& source;
    int sources = -1;  // the folder of staged sources
    int user_namespace = -1;
    size_t index = 0;  // of the mount: its names in the stage
};
// The overlay of a mount, detached, its layers id-mapped for the machine; its changes in memory end with it.
Result<Fd> make_overlay_mount(const OverlayMountInput& input);

}  // namespace holm::rootfs
