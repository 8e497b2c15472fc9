// The content of one regular file into another that is empty: shared where the file system can (FICLONE), else copied, holes kept.
// Applies; outside.
#pragma once

#include "base/error.h"
#include "rootfs/copy_tree.h"

namespace holm::rootfs {

// Adds to `copied`. Errors: Invalid, where `from` is no regular file.
Result<> copy_content(int from, int to, Copied& copied);

}  // namespace holm::rootfs
