// Copies and removals of a folder among others, seen as one step: what is not whole yet, or no more, stands beside it under a name that
// nothing else has, and is locked while somebody works on it. Applies; outside.
#pragma once

#include <string>

#include "base/error.h"

namespace holm::rootfs {

// The folder `name` as `to`, in the same folder; a subvolume of btrfs as a snapshot. Errors: Exists; what fails leaves nothing.
Result<> copy_beside(int folder, const std::string& name, const std::string& to);
// Takes a folder out of sight, and removes it. What is not there is no error.
Result<> remove_beside(int folder, const std::string& name);
// Removes what the two have left that were killed.
Result<> remove_unfinished(int folder);

}  // namespace holm::rootfs
