// Files with a file system in them that a machine names, as its root or as mounts: what is in each. Observes; runs in the planner's child.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"
#include "rootfs/facts.h"

namespace holm::daemon {

struct DisksRequest {
    const machine::Spec& spec;
    const std::vector<std::string>& image_layers;           // of root.image
    std::function<void(std::string_view path)> looking_at;  // told each path before it is touched
};

// Of all that are files; a layer that is no file system, nor called so, is left to who opens it as a folder. Errors: Invalid (damaged,
// no root in it), NotSupported (a root of several partitions), NotFound (the source of a mount): with the key and where it was written.
Result<std::vector<rootfs::Disk>> observe_disks(const DisksRequest& request);

}  // namespace holm::daemon
