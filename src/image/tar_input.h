// TarInput: the entries of a tar archive, plain or compressed, out of a descriptor. libarchive in two stages: bytes → decompressed
// bytes → entries, so that both can be hashed and bounded. Reads; inside the confined child.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"
#include "base/handle.h"
#include "image/sha256.h"

namespace holm::image {

class TarInput {
public:
    enum class Digests { None, Both };
    // The descriptor stays the caller's. Compression is told by the bytes: gzip, xz, zstd, bzip2 or none, one at most.
    TarInput(int fd, Digests digests) : fd_(fd), hashed_(digests == Digests::Both) {}
    TarInput(const TarInput&) = delete;
    TarInput& operator=(const TarInput&) = delete;
    Result<> open();

    // The next entry, valid until the next call; null at the end. Errors: Invalid, where the archive is damaged or ambiguous.
    Result<archive_entry*> next();
    struct Piece {
        const void* bytes = nullptr;
        size_t size = 0;
        int64_t offset = 0;  // in the file
    };
    // The next piece of the entry's content; empty at its end. Errors: Invalid, where the archive ends within it.
    Result<std::optional<Piece>> read();
    // When there is no next entry: whether that was all there is, without the empty blocks that end an archive.
    bool is_cut() const { return starved_ && zeros_ < 512; }
    // Reads what stands behind the last entry, so that both digests are of the whole.
    Result<> drain();

    // "gzip", "bzip2", "xz", "zstd" or "none".
    std::string compression() const { return archive_filter_name(bytes_.get(), 0); }
    uint64_t bytes_read() const { return read_; }          // of the descriptor
    uint64_t bytes_unpacked() const { return unpacked_; }  // of the tar
    // After drain(): "sha256:…" of what was read, and of the tar itself; "" where they were not asked for.
    std::string digest_of_input();
    std::string digest_of_tar();

private:
    using Archive = Handle<struct archive, archive_read_free>;
    static ssize_t read_input(struct archive*, void* self, const void** bytes) noexcept;
    static ssize_t read_tar(struct archive*, void* self, const void** bytes) noexcept;
    ssize_t unpack(const void** bytes);
    void count_zeros(std::string_view bytes);
    size_t pad(const void** bytes);
    Error failure(struct archive* archive);

    int fd_;
    bool hashed_;
    Archive bytes_, entries_;
    std::string buffer_;
    Sha256 input_hash_, tar_hash_;
    std::string name_;  // of the last entry
    uint64_t read_ = 0, unpacked_ = 0;
    uint64_t zeros_ = 0;          // that the tar ends with, as far as it was read
    bool starved_ = false;        // more of it was asked for than there is
    bool padded_ = false;         // its last block is filled up
    std::optional<Error> error_;  // of a callback
};

}  // namespace holm::image
