// The digest of a layer's canonical content: the same for the same tree, whatever file system it lies on and whatever it was made of.
// Reads; outside. Runs in the store's process.
//
// It is a hash of hashes: of each folder the names of its entries, sorted by bytes, with the hash of each; of each entry its type, mode,
// owner, time of last change, extended attributes (image/attributes.h), and by type: a file's size and each 4 KiB block of it that is not
// all zeros, with its offset; a link's target; a device's number. Sockets are left out. A further name of a file is the number of its first
// in the order of the walk. A whiteout is a whiteout, whoever made it.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "image/file_hash.h"
#include "image/hashed_files.h"

namespace holm::image {

struct Summary {
    std::string hex;       // of the digest
    uint64_t size = 0;     // bytes of files, without holes; a file with several names once
    uint64_t entries = 0;  // without the top folder
};

inline constexpr unsigned max_depth = 1000;  // folders within each other

// `known`: of files that need not be read again. Errors: those of `go_on`; Invalid (nested deeper than max_depth).
Result<Summary> digest_layer(int tree, const GoOn& go_on, const HashedFiles& known = {});

}  // namespace holm::image
