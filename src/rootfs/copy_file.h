// The content of one regular file into another that is empty: shared where the file system can (FICLONE), else copied, holes kept.
// Applies; outside.
#pragma once

#include <functional>

#include "base/error.h"
#include "rootfs/copy_tree.h"

namespace holm::rootfs {

// Adds to `copied`, and asks between two steps of a large file whether to go on. Errors: its own; Invalid, where `from` is no regular file.
Result<> copy_content(int from, int to, Copied& copied, const std::function<Result<>()>& go_on);

}  // namespace holm::rootfs
