#include "image/layer_digest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "image/attributes.h"
#include "image/folder_names.h"
#include "image/sha256.h"
#include "kernel/path.h"

namespace holm::image {

namespace {

constexpr size_t block = 4096, piece = 64 * block;
// Bytes of names: of all folders that the walk is in, and of the one that finds none left.
constexpr size_t most_names = 8 << 20, least_names = 8 << 10;

bool is_zero(const char* bytes, size_t size)
{
    return bytes[0] == 0 && ::memcmp(bytes, bytes + 1, size - 1) == 0;
}

class Digest {
public:
    explicit Digest(const GoOn& go_on) : go_on_(go_on), buffer_(new char[piece]), names_(new char[XATTR_LIST_MAX]) {}

    Result<Summary> run(int tree)
    {
        Fd top = TRY(open_at(tree, ".", O_RDONLY | O_DIRECTORY));
        struct stat status;
        if (::fstat(top.get(), &status)) return sys_error("cannot look at a layer");
        summary_.hex = describe_hex(TRY(hash_folder(top.get(), status, 0)));
        return summary_;
    }

private:
    static void add_status(Sha256& hash, char type, const struct stat& status)
    {
        hash.add(fmt::format("{} {:o} {} {} {}.{}", type, status.st_mode & 07777, status.st_uid, status.st_gid, status.st_mtim.tv_sec,
                             status.st_mtim.tv_nsec));
        hash.add({"\0", 1});
    }

    Result<Sha256Bytes> hash_folder(int folder, const struct stat& status, unsigned depth)
    {
        if (depth > max_depth) return error(Errc::Invalid, "folders are nested deeper than {}", max_depth);
        Sha256 hash;
        add_status(hash, 'd', status);
        TRY(add_attributes(hash, kernel::path_of_descriptor(folder), true));
        FolderNames names = TRY(FolderNames::read(folder, std::max(least_names, (most_names - std::min(held_, most_names)) / 2)));
        const size_t held = names.held();
        held_ += held;
        while (const char* name = TRY(names.next())) {
            struct stat inner;
            if (::fstatat(folder, name, &inner, AT_SYMLINK_NOFOLLOW)) return sys_error("cannot look at '{}'", printable(name));
            if (S_ISSOCK(inner.st_mode)) continue;  // nobody listens there any more, and no archive has one
            hash.add({name, ::strlen(name) + 1});
            hash.add(TRY(hash_entry(folder, name, inner, depth)));
        }
        held_ -= held;
        return hash.finish();
    }

    Result<Sha256Bytes> hash_entry(int folder, const char* name, const struct stat& status, unsigned depth)
    {
        ++summary_.entries;
        TRY(go_on_(0));
        if (S_ISDIR(status.st_mode)) {
            Fd inner = TRY(open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
            return hash_folder(inner.get(), status, depth + 1);
        }
        Sha256 hash;
        if (S_ISCHR(status.st_mode) && status.st_rdev == 0) hash.add("whiteout");
        else if (auto first = status.st_nlink > 1 ? first_of(status) : std::nullopt) hash.add(fmt::format("link {}", *first));
        else TRY(add_file(hash, folder, name, status));
        return hash.finish();
    }

    Result<> add_file(Sha256& hash, int folder, const char* name, const struct stat& status)
    {
        const std::string path = fmt::format("{}/{}", kernel::path_of_descriptor(folder), name);
        if (S_ISLNK(status.st_mode)) {
            add_status(hash, 'l', status);
            std::string target(PATH_MAX, '\0');
            const ssize_t size = ::readlinkat(folder, name, target.data(), target.size());
            if (size < 0) return sys_error("cannot read the link '{}'", printable(name));
            hash.add({target.data(), static_cast<size_t>(size)});
            return {};
        }
        const char type = S_ISREG(status.st_mode) ? 'f' : S_ISFIFO(status.st_mode) ? 'p' : S_ISBLK(status.st_mode) ? 'b' : 'c';
        add_status(hash, type, status);
        TRY(add_attributes(hash, path, false));
        if (type == 'b' || type == 'c') hash.add(fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev)));
        if (type == 'f') TRY(add_content(hash, folder, name, static_cast<uint64_t>(status.st_size)));
        return {};
    }

    Result<> add_content(Sha256& hash, int folder, const char* name, uint64_t size)
    {
        hash.add_number(size);
        if (size == 0) return {};
        Fd file = TRY(open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
        ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
        for (uint64_t at = 0; at < size;) {
            const off_t data = ::lseek(file.get(), static_cast<off_t>(at), SEEK_DATA);
            if (data < 0 && errno == ENXIO) break;
            if (data > static_cast<off_t>(at)) at = static_cast<uint64_t>(data) / block * block;
            const ssize_t got = ::pread(file.get(), buffer_.get(), piece, static_cast<off_t>(at));
            if (got < 0) return sys_error("cannot read '{}'", printable(name));
            if (got == 0) break;
            add_blocks(hash, static_cast<size_t>(got), at);
            summary_.size += static_cast<uint64_t>(got);
            at += static_cast<uint64_t>(got);
            TRY(go_on_(static_cast<uint64_t>(got)));
        }
        return {};
    }

    // The blocks of the buffer that have something in them; `at`: where it begins in the file.
    void add_blocks(Sha256& hash, size_t size, uint64_t at)
    {
        for (size_t from = 0; from < size; from += block) {
            const size_t length = std::min(block, size - from);
            if (is_zero(buffer_.get() + from, length)) continue;
            hash.add_number(at + from);
            hash.add({buffer_.get() + from, length});
        }
    }

    // Of a folder the path is a link to it (/proc/self/fd), which is followed; of a file it is the file itself.
    Result<> add_attributes(Sha256& hash, const std::string& path, bool follow)
    {
        const ssize_t size =
            follow ? ::listxattr(path.c_str(), names_.get(), XATTR_LIST_MAX) : ::llistxattr(path.c_str(), names_.get(), XATTR_LIST_MAX);
        if (size <= 0) {
            if (size == 0 || errno == EOPNOTSUPP) return {};
            return sys_error("cannot list extended attributes");
        }
        std::vector<std::string_view> sorted = split({names_.get(), static_cast<size_t>(size)}, '\0');
        std::ranges::sort(sorted);
        for (std::string_view name : sorted) {
            if (!is_hashed_attribute(name)) continue;
            std::string value(XATTR_SIZE_MAX, '\0');
            const std::string key(name);
            const ssize_t got = follow ? ::getxattr(path.c_str(), key.c_str(), value.data(), value.size())
                                       : ::lgetxattr(path.c_str(), key.c_str(), value.data(), value.size());
            if (got < 0) return sys_error("cannot read the extended attribute '{}'", key);
            hash.add({key.c_str(), key.size() + 1});
            hash.add_number(static_cast<uint64_t>(got));
            hash.add({value.data(), static_cast<size_t>(got)});
        }
        return {};
    }

    // The first name of a file that has several; of that one itself nothing. What has no further name is forgotten.
    std::optional<uint64_t> first_of(const struct stat& status)
    {
        auto [known, added] = links_.try_emplace(status.st_ino, summary_.entries, status.st_nlink - 1);
        if (added) return std::nullopt;
        const uint64_t first = known->second.first;
        if (--known->second.second == 0) links_.erase(known);
        return first;
    }

    const GoOn& go_on_;
    std::unique_ptr<char[]> buffer_, names_;
    std::unordered_map<uint64_t, std::pair<uint64_t, nlink_t>> links_;  // by inode: the number of the first name, names to come
    size_t held_ = 0;                                                   // bytes of names
    Summary summary_;
};

}  // namespace

Result<Summary> digest_layer(int tree, const GoOn& go_on)
{
    return Digest(go_on).run(tree);
}

}  // namespace holm::image
