// A folder of the host copied into the folder of a new layer, as an import of an archive of it would make it. Applies; outside.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "image/layer_digest.h"

namespace holm::store {

struct Copied {
    uint64_t devices = 0, attributes = 0;  // that were left out
};

// All on the mount of `source`: what is mounted below it is an empty folder in the copy. No link is followed. Blocks are shared where the
// file system can. `go_on` is asked between files, with the bytes that were copied since.
Result<Copied> copy_tree(int source, int target, const image::GoOn& go_on);

}  // namespace holm::store
