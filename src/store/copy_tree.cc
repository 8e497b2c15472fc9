#include "store/copy_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <unordered_map>

#include "base/fd.h"
#include "base/text.h"
#include "image/attributes.h"
#include "image/folder_names.h"
#include "kernel/path.h"
#include "rootfs/file_status.h"

namespace holm::store {

namespace {

class Copy {
public:
    Copy(const image::GoOn& go_on, int target) : go_on_(go_on), top_(target) {}

    Result<Copied> run(int source)
    {
        mount_ = TRY(rootfs::observe_status(source)).mount;
        struct stat status;
        if (::fstat(source, &status)) return sys_error("cannot look at the folder");
        TRY(copy_inside(source, top_, status, 0));
        return copied_;
    }

private:
    // The content of a folder, then what the folder itself is.
    Result<> copy_inside(int source, int target, const struct stat& status, unsigned depth)
    {
        if (depth > image::max_depth) return error(Errc::Invalid, "folders are nested deeper than {}", image::max_depth);
        if (TRY(rootfs::observe_status(source)).mount == mount_) {
            const image::FolderNames names = TRY(image::FolderNames::read(source));
            const size_t length = path_.size();
            for (const char* name : names) {
                path_.append("/").append(name);
                TRY(copy_entry(source, target, name, depth));
                path_.resize(length);
            }
        }
        return finish(source, target, status);
    }

    Result<> copy_entry(int source, int target, const char* name, unsigned depth)
    {
        struct stat status;
        if (::fstatat(source, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) {
            if (errno == ENOENT) return {};  // gone meanwhile
            return failed("look at");
        }
        TRY(go_on_(0));
        if (S_ISDIR(status.st_mode)) return copy_folder(source, target, name, status, depth);
        if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode) || S_ISSOCK(status.st_mode)) {
            copied_.devices += S_ISSOCK(status.st_mode) ? 0 : 1;
            return {};
        }
        if (status.st_nlink > 1) {
            auto [first, fresh] = first_.try_emplace(status.st_ino, path_.substr(1));
            if (!fresh) {
                if (::linkat(top_, first->second.c_str(), target, name, 0)) return failed("link");
                return {};
            }
        }
        if (S_ISREG(status.st_mode)) return copy_file(source, target, name, status);
        return copy_special(source, target, name, status);
    }

    Result<> copy_folder(int source, int target, const char* name, const struct stat& status, unsigned depth)
    {
        Fd from = TRY(open_at(source, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), what());
        if (::mkdirat(target, name, 0700)) return failed("make");
        Fd to = TRY(open_at(target, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), what());
        return copy_inside(from.get(), to.get(), status, depth + 1);
    }

    Result<> copy_file(int source, int target, const char* name, const struct stat& status)
    {
        Fd from = TRY(open_at(source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), what());
        Fd to = TRY(open_at(target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), what());
        if (::ioctl(to.get(), FICLONE, from.get())) TRY(copy_bytes(from.get(), to.get(), status.st_size));
        return finish(from.get(), to.get(), status);
    }

    Result<> copy_bytes(int from, int to, off_t size)
    {
        for (off_t at = 0; at < size;) {
            off_t data = ::lseek(from, at, SEEK_DATA);
            if (data < 0 && errno == ENXIO) break;
            if (data < 0) data = at;
            off_t end = ::lseek(from, data, SEEK_HOLE);
            if (end < 0) end = size;
            for (at = data; at < end;) {
                off_t out = at;
                const ssize_t done = ::copy_file_range(from, &at, to, &out, std::min<size_t>(static_cast<size_t>(end - at), 8 << 20), 0);
                if (done < 0 && errno == EINTR) continue;
                if (done < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) return copy_by_hand(from, to, at);
                if (done < 0) return failed("copy");
                if (done == 0) return {};  // cut meanwhile
                TRY(go_on_(static_cast<uint64_t>(done)));
            }
        }
        if (::ftruncate(to, size)) return failed("copy");
        return {};
    }

    // Between file systems that copy_file_range(2) does not serve.
    Result<> copy_by_hand(int from, int to, off_t at)
    {
        std::string buffer(256 << 10, '\0');
        for (;;) {
            const ssize_t got = ::pread(from, buffer.data(), buffer.size(), at);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return failed("read");
            if (got == 0) return {};
            if (::pwrite(to, buffer.data(), static_cast<size_t>(got), at) != got) return failed("write");
            at += got;
            TRY(go_on_(static_cast<uint64_t>(got)));
        }
    }

    Result<> copy_special(int source, int target, const char* name, const struct stat& status)
    {
        if (S_ISFIFO(status.st_mode)) {
            if (::mknodat(target, name, S_IFIFO | 0600, 0) || ::fchmodat(target, name, status.st_mode & 07777, 0)) return failed("make");
        } else {
            std::string link(PATH_MAX, '\0');
            const ssize_t size = ::readlinkat(source, name, link.data(), link.size() - 1);
            if (size < 0) return failed("read");
            link.resize(static_cast<size_t>(size));
            if (::symlinkat(link.c_str(), target, name)) return failed("make");
        }
        const timespec times[2] = {status.st_mtim, status.st_mtim};
        if (::fchownat(target, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) ||
            ::utimensat(target, name, times, AT_SYMLINK_NOFOLLOW))
            return failed("set up");
        return {};
    }

    Result<> finish(int from, int to, const struct stat& status)
    {
        if (::fchown(to, status.st_uid, status.st_gid) || ::fchmod(to, status.st_mode & 07777)) return failed("set up");
        TRY(copy_attributes(from, to));
        const timespec times[2] = {status.st_mtim, status.st_mtim};
        if (::futimens(to, times)) return failed("set the times of");
        return {};
    }

    Result<> copy_attributes(int from, int to)
    {
        names_.resize(XATTR_LIST_MAX);
        const ssize_t size = ::flistxattr(from, names_.data(), names_.size());
        if (size <= 0) return {};
        for (std::string_view name : split({names_.data(), static_cast<size_t>(size)}, '\0')) {
            if (!image::is_kept_attribute(name)) {
                copied_.attributes += name.empty() || name == "security.selinux" ? 0 : 1;
                continue;
            }
            const std::string key(name);
            std::string value(XATTR_SIZE_MAX, '\0');
            const ssize_t got = ::fgetxattr(from, key.c_str(), value.data(), value.size());
            if (got < 0) continue;  // gone meanwhile
            if (::fsetxattr(to, key.c_str(), value.data(), static_cast<size_t>(got), 0)) {
                if (errno != EOPNOTSUPP) return failed("set an extended attribute of");
                ++copied_.attributes;
            }
        }
        return {};
    }

    std::string what() const { return fmt::format("'{}'", printable(path_)); }
    Error failed(const char* verb) const { return sys_error("cannot {} '{}'", verb, printable(path_)); }

    const image::GoOn& go_on_;
    int top_;
    uint64_t mount_ = 0;
    std::string path_, names_;
    std::unordered_map<uint64_t, std::string> first_;  // names of files that have several
    Copied copied_;
};

}  // namespace

Result<Copied> copy_tree(int source, int target, const image::GoOn& go_on)
{
    return Copy(go_on, target).run(source);
}

}  // namespace holm::store
