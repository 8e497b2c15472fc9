// A disk image out of a pipe, or of a compressed file, as a file with holes. Reads and writes; inside the confined child.
#pragma once

#include <cstdint>
#include <functional>

#include "base/error.h"

namespace holm::image {

struct ExpandInput {
    int input = -1;
    int output = -1;                               // an empty file
    uint64_t most_bytes = 0;                       // that are written; holes do not count
    std::function<void(uint64_t bytes)> progress;  // of the input read so far; at most every few MiB
};

// Whether a file begins as what gzip, xz, zstd and bzip2 write.
bool is_compressed(int file);

// Plain bytes go through as they are. Errors: Invalid (damaged), Failed.
Result<> expand(const ExpandInput& input);

}  // namespace holm::image
