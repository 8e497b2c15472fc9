// What goes into a layer's digest of one of its entries by itself (image/layer_digest.h). Reads.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "image/sha256.h"

namespace holm::image {

// Asked between files and within large ones, with the bytes that were read since. An error ends the work.
using GoOn = std::function<Result<>(uint64_t bytes)>;

// Type, mode, owner and time of last change.
void add_status(Sha256& hash, char type, const struct stat& status);

// Of a regular file: all that its entry is hashed of.
struct FileDigest {
    Sha256Bytes hash{};
    uint64_t size = 0;  // bytes, without holes
};

class FileHasher {
public:
    FileHasher();
    // Extended attributes (image/attributes.h): of an open file or folder; or of `name` in an open folder, which is not followed.
    Result<> add_attributes(Sha256& hash, int file, const char* name = nullptr);
    // The descriptor is read at offsets of its own.
    Result<FileDigest> digest_file(int file, const struct stat& status, const GoOn& go_on);

private:
    Result<uint64_t> add_content(Sha256& hash, int file, uint64_t size, const GoOn& go_on);
    void add_blocks(Sha256& hash, size_t size, uint64_t at);

    std::unique_ptr<char[]> buffer_, names_, value_;
};

}  // namespace holm::image
