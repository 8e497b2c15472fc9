// Removal of trees that a guest has filled. Applies; outside.
//
// Safe on trees that are hostile, 100 000 levels deep or being renamed meanwhile: no path is followed, no link, no mount, and depth costs
// neither stack nor descriptors, since what lies deep is moved up first.
#pragma once

#include <string>

#include "base/error.h"

namespace holm::rootfs {

// Removes all that is in the folder, which stays. Errors: Busy (something is mounted in it, or content comes as fast as it goes).
Result<> empty_folder(int folder);

// Removes `name` in the folder `parent` and all below it; what is not there is no error. Errors: as of empty_folder.
Result<> remove_tree(int parent, const std::string& name);

}  // namespace holm::rootfs
