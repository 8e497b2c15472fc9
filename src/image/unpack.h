// Unpacks a tar archive into the folder of a new layer. Applies; inside the confined child, whose root that folder is.
//
// What is in an archive is hostile: no name leads out of the folder or through a link of it, an entry that contradicts another is
// refused with the whole archive. Devices are left out and counted, as are extended attributes that are none of a layer's
// (image/attributes.h). Owners and modes are kept, setuid too. Times of folders and marks of opaque ones are left to what the caller does
// at the end (image/later.h): the times here, the marks in its parent, which may set trusted attributes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::image {

enum class Whiteouts {
    AsFiles,  // `.wh.x` is a file of that name
    Oci,      // it hides x of the layers below; `.wh..wh..opq` hides all that is in its folder there
};

struct UnpackInput {
    int archive = -1;  // the stream
    int root = -1;     // the folder
    int later = -1;    // an empty file of our own: what is to be done to folders at the end
    Whiteouts whiteouts = Whiteouts::AsFiles;
    uint64_t most_bytes = 0;  // of all files
    uint64_t most_entries = 0;
    std::function<void(uint64_t bytes)> progress;                       // of the archive read so far; at most every few MiB
    int names = -1;                                                     // where image::WholeFiles tells of files; -1: nowhere
    std::function<Result<>(std::string_view compression)> opened = {};  // once it is known; before anything is unpacked
};

struct Unpacked {
    uint64_t size = 0, entries = 0;
    uint64_t devices = 0, attributes = 0;  // that were left out
    std::string compression;               // "gzip", "bzip2", "xz", "zstd" or "none"
    std::string input_digest, tar_digest;  // of the archive as it came, and of the tar in it; of a layer of OCI, else ""
};

// Errors: Invalid (with the entry), Failed.
Result<Unpacked> unpack_tar(const UnpackInput& input);

}  // namespace holm::image
