// What a tree takes on disk. Reads.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "image/layer_digest.h"

namespace holm::image {

// Bytes of its blocks, files with several names once for each name. No link is followed. `go_on` as of digest_layer.
Result<uint64_t> measure_tree(int folder, const GoOn& go_on);

}  // namespace holm::image
