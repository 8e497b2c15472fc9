// Packs a tree of the host into a tar archive. Reads the tree, writes the archive; outside, in the store's process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/layer_digest.h"

namespace holm::image {

enum class Compression { None, Gzip, Xz, Zstd, Bzip2 };
// "uncompressed", "gzip", "xz", "zstd", "bzip2": as machinectl's --format.
std::optional<Compression> parse_compression(std::string_view text);

struct PackInput {
    int tree = -1;
    int output = -1;
    Compression compression = Compression::None;
    std::vector<int> below = {};  // layers under it, topmost first, that are packed with it as one
    bool nanoseconds = false;     // of times, which cost a header each; else whole seconds
    bool whiteouts = false;       // a layer: whiteouts and opaque folders become OCI's `.wh.` files, else they are left out
};

struct Packed {
    std::string digest, tar_digest;  // "sha256:…" of what was written, and of the tar in it
    uint64_t size = 0;               // bytes that were written
};

// Entries by name, sorted; owners, modes, times, hard links, holes and the extended attributes of a layer are kept. `go_on` as of
// digest_layer.
Result<Packed> pack_tar(const PackInput& input, const GoOn& go_on);

}  // namespace holm::image
