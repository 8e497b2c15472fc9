#include "image/layer_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/fd.h"
#include "base/text.h"
#include "image/folder_names.h"
#include "image/sha256.h"

namespace holm::image {

namespace {

// Bytes of names: of all folders that the walk is in, and of the one that finds none left.
constexpr size_t most_names = 8 << 20, least_names = 8 << 10;

class Digest {
public:
    Digest(const GoOn& go_on, const HashedFiles& known) : go_on_(go_on), known_(known) {}

    Result<Summary> run(int tree)
    {
        Fd top = TRY(open_at(tree, ".", O_RDONLY | O_DIRECTORY));
        struct stat status;
        if (::fstat(top.get(), &status)) return sys_error("cannot look at a layer");
        summary_.hex = describe_hex(TRY(hash_folder(top.get(), status, 0)));
        return summary_;
    }

private:
    Result<Sha256Bytes> hash_folder(int folder, const struct stat& status, unsigned depth)
    {
        if (depth > max_depth) return error(Errc::Invalid, "folders are nested deeper than {}", max_depth);
        Sha256 hash;
        add_status(hash, 'd', status);
        TRY(hasher_.add_attributes(hash, folder));
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
        else if (S_ISREG(status.st_mode)) return hash_file(folder, name, status);
        else TRY(add_special(hash, folder, name, status));
        return hash.finish();
    }

    Result<Sha256Bytes> hash_file(int folder, const char* name, const struct stat& status)
    {
        const FileDigest* known = known_.find(status);
        FileDigest made;
        if (!known) {
            Fd file = TRY(open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
            made = TRY(hasher_.digest_file(file.get(), status, go_on_), fmt::format("'{}'", printable(name)));
        }
        const FileDigest& digest = known ? *known : made;
        summary_.size += digest.size;
        return digest.hash;
    }

    Result<> add_special(Sha256& hash, int folder, const char* name, const struct stat& status)
    {
        if (S_ISLNK(status.st_mode)) {
            add_status(hash, 'l', status);
            std::string target(PATH_MAX, '\0');
            const ssize_t size = ::readlinkat(folder, name, target.data(), target.size());
            if (size < 0) return sys_error("cannot read the link '{}'", printable(name));
            hash.add({target.data(), static_cast<size_t>(size)});
            return {};
        }
        const char type = S_ISFIFO(status.st_mode) ? 'p' : S_ISBLK(status.st_mode) ? 'b' : 'c';
        add_status(hash, type, status);
        TRY(hasher_.add_attributes(hash, folder, name));
        if (type != 'p') hash.add(fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev)));
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
    const HashedFiles& known_;
    FileHasher hasher_;
    std::unordered_map<uint64_t, std::pair<uint64_t, nlink_t>> links_;  // by inode: the number of the first name, names to come
    size_t held_ = 0;                                                   // bytes of names
    Summary summary_;
};

}  // namespace

Result<Summary> digest_layer(int tree, const GoOn& go_on, const HashedFiles& known)
{
    return Digest(go_on, known).run(tree);
}

}  // namespace holm::image
