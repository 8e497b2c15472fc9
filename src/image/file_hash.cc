#include "image/file_hash.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/text.h"
#include "image/attributes.h"
#include "kernel/path.h"

namespace holm::image {

namespace {

constexpr size_t block = 4096, piece = 64 * block;

bool is_zero(const char* bytes, size_t size)
{
    return bytes[0] == 0 && ::memcmp(bytes, bytes + 1, size - 1) == 0;
}

}  // namespace

void add_status(Sha256& hash, char type, const struct stat& status)
{
    hash.add(fmt::format("{} {:o} {} {} {}.{}", type, status.st_mode & 07777, status.st_uid, status.st_gid, status.st_mtim.tv_sec,
                         status.st_mtim.tv_nsec));
    hash.add({"\0", 1});
}

FileHasher::FileHasher() : buffer_(new char[piece]), names_(new char[XATTR_LIST_MAX]), value_(new char[XATTR_SIZE_MAX]) {}

Result<> FileHasher::add_attributes(Sha256& hash, int file, const char* name)
{
    const std::string path = name ? fmt::format("{}/{}", kernel::path_of_descriptor(file), name) : "";
    const ssize_t size = name ? ::llistxattr(path.c_str(), names_.get(), XATTR_LIST_MAX) : ::flistxattr(file, names_.get(), XATTR_LIST_MAX);
    if (size <= 0) {
        if (size == 0 || errno == EOPNOTSUPP) return {};
        return sys_error("cannot list extended attributes");
    }
    std::vector<std::string_view> sorted = split({names_.get(), static_cast<size_t>(size)}, '\0');
    std::ranges::sort(sorted);
    for (std::string_view attribute : sorted) {
        if (!is_hashed_attribute(attribute)) continue;
        const std::string key(attribute);
        const ssize_t got = name ? ::lgetxattr(path.c_str(), key.c_str(), value_.get(), XATTR_SIZE_MAX)
                                 : ::fgetxattr(file, key.c_str(), value_.get(), XATTR_SIZE_MAX);
        if (got < 0) return sys_error("cannot read the extended attribute '{}'", key);
        hash.add({key.c_str(), key.size() + 1});
        hash.add_number(static_cast<uint64_t>(got));
        hash.add({value_.get(), static_cast<size_t>(got)});
    }
    return {};
}

Result<FileDigest> FileHasher::digest_file(int file, const struct stat& status, const GoOn& go_on)
{
    Sha256 hash;
    add_status(hash, 'f', status);
    TRY(add_attributes(hash, file));
    const uint64_t size = TRY(add_content(hash, file, static_cast<uint64_t>(status.st_size), go_on));
    return FileDigest{.hash = hash.finish(), .size = size};
}

// Gives the bytes that were read.
Result<uint64_t> FileHasher::add_content(Sha256& hash, int file, uint64_t size, const GoOn& go_on)
{
    hash.add_number(size);
    uint64_t total = 0;
    if (size > piece) ::posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (uint64_t at = 0; at < size;) {
        const off_t data = ::lseek(file, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;
        if (data > static_cast<off_t>(at)) at = static_cast<uint64_t>(data) / block * block;
        const ssize_t got = ::pread(file, buffer_.get(), piece, static_cast<off_t>(at));
        if (got < 0) return sys_error("cannot read");
        if (got == 0) break;
        add_blocks(hash, static_cast<size_t>(got), at);
        total += static_cast<uint64_t>(got);
        at += static_cast<uint64_t>(got);
        TRY(go_on(static_cast<uint64_t>(got)));
    }
    return total;
}

// The blocks of the buffer that have something in them; `at`: where it begins in the file.
void FileHasher::add_blocks(Sha256& hash, size_t size, uint64_t at)
{
    for (size_t from = 0; from < size; from += block) {
        const size_t length = std::min(block, size - from);
        if (is_zero(buffer_.get() + from, length)) continue;
        hash.add_number(at + from);
        hash.add({buffer_.get() + from, length});
    }
}

}  // namespace holm::image
