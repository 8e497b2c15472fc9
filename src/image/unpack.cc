#include "image/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"
#include "base/text.h"
#include "image/attributes.h"
#include "image/entry_attributes.h"
#include "image/entry_path.h"
#include "image/hashed_files.h"
#include "image/later.h"
#include "image/tar_input.h"
#include "kernel/path.h"

namespace holm::image {

namespace {

constexpr uint64_t progress_step = 4 << 20;
constexpr std::string_view whiteout_prefix = ".wh.", opaque_name = ".wh..wh..opq", aufs_prefix = ".wh..wh.";

bool is_whiteout(const struct stat& status)
{
    return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

class Unpacker {
public:
    explicit Unpacker(const UnpackInput& input)
        : input_(input),
          archive_(input.archive, input.whiteouts == Whiteouts::Oci ? TarInput::Digests::Both : TarInput::Digests::None),
          later_(input.later),
          whole_(input.names)
    {
    }

    Result<Unpacked> run()
    {
        TRY(archive_.open());
        if (input_.opened) TRY(input_.opened(archive_.compression()));
        later_.add_time("", {});  // of a top folder that the archive has no entry for
        if (::fchmod(input_.root, 0755) || ::fchown(input_.root, 0, 0)) return sys_error("cannot set up the folder of a layer");
        while (archive_entry* entry = TRY(archive_.next())) {
            TRY(take(entry));
            if (++result_.entries > input_.most_entries)
                return error(Errc::Invalid, "the archive has more than {} entries", input_.most_entries);
            report();
        }
        // Of a layer its digest tells.
        if (archive_.is_cut() && input_.whiteouts == Whiteouts::AsFiles)
            return error(Errc::Invalid, "the archive ends behind an entry, and not with an empty block: it was cut");
        TRY(archive_.drain());
        TRY(later_.flush());
        result_.compression = archive_.compression();
        result_.input_digest = archive_.digest_of_input();
        result_.tar_digest = archive_.digest_of_tar();
        return result_;
    }

private:
    void report()
    {
        if (!input_.progress || archive_.bytes_read() < reported_ + progress_step) return;
        reported_ = archive_.bytes_read();
        input_.progress(reported_);
    }

    Result<> take(archive_entry* entry)
    {
        const char* text = archive_entry_pathname(entry);
        if (!text) return error(Errc::Invalid, "the archive has an entry without a name that can be read");
        path_ = TRY(parse_entry_path(text));
        TRY(check_owner(entry));
        if (path_.empty()) return take_top(entry);
        auto [folder, name] = split_entry_path(path_);
        if (input_.whiteouts == Whiteouts::Oci) {
            if (path_.starts_with(aufs_prefix) && name != opaque_name) return {};  // AUFS's own files
            if (folder.starts_with(whiteout_prefix) || folder.contains("/.wh.")) return refuse("lies below a whiteout");
        }
        TRY(open_folder(folder));
        name_ = name;
        if (input_.whiteouts == Whiteouts::Oci && name_.starts_with(whiteout_prefix)) return take_whiteout(entry);
        if (archive_entry_hardlink(entry)) return take_link(entry);
        switch (archive_entry_filetype(entry)) {
        case AE_IFREG: return take_file(entry);
        case AE_IFDIR: return take_folder(entry);
        case AE_IFLNK: return take_symlink(entry);
        case AE_IFIFO: return take_fifo(entry);
        case AE_IFCHR:
        case AE_IFBLK: ++result_.devices; return {};
        default: return refuse("is of an unknown type");
        }
    }

    Error refuse(std::string_view why) const { return error(Errc::Invalid, "'{}' of the archive {}", printable(path_), why); }
    Error failed(const char* what) const { return sys_error("cannot {} '{}'", what, printable(path_)); }

    Result<> check_owner(archive_entry* entry) const
    {
        const int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
        if (uid >= 0 && uid < UINT32_MAX && gid >= 0 && gid < UINT32_MAX) return {};
        return refuse(fmt::format("belongs to {}:{}, which are no ids", uid, gid));
    }

    Result<> take_top(archive_entry* entry)
    {
        if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFDIR)
            return error(Errc::Invalid, "the top of the archive is no folder");
        if (::fchown(input_.root, owner(entry), group(entry)) || ::fchmod(input_.root, mode(entry))) return failed("set up");
        later_.add_time("", time_of(entry));
        result_.attributes += TRY(apply_attributes(entry, input_.root, Of::Folder));
        return {};
    }

    // -- folders ----------------------------------------------------------------------------------------------------------------

    // Opens the folder that the next entry is in, as folder_, making what is missing.
    Result<> open_folder(std::string_view folder)
    {
        if (folder_ && folder == folder_path_) return {};
        folder_ = TRY(ensure_folder(folder));
        folder_path_ = folder;
        return {};
    }

    Result<Fd> ensure_folder(std::string_view folder)
    {
        auto there = kernel::open_in_root(input_.root, folder, O_PATH | O_DIRECTORY, kernel::Links::Refuse);
        if (there) return there;
        const int number = there.error().sys_errno;
        if (number == ELOOP) return refuse("is reached by a symbolic link");
        if (number != ENOENT && number != ENOTDIR) return there;
        auto [above, name] = split_entry_path(folder);
        Fd parent = TRY(ensure_folder(above));
        const std::string last(name);
        bool was_hidden = false;
        if (::mkdirat(parent.get(), last.c_str(), 0755)) {
            if (errno != EEXIST) return failed("make the folder of");
            was_hidden = TRY(unlink_whiteout(parent.get(), last));
            if (!was_hidden) return refuse("lies below something that is no folder");
            if (::mkdirat(parent.get(), last.c_str(), 0755)) return failed("make the folder of");
        }
        later_.add_time(folder, {});
        if (was_hidden) later_.add_opaque(folder);
        return kernel::open_in_root(parent.get(), last, O_PATH | O_DIRECTORY, kernel::Links::Refuse);
    }

    static Result<bool> unlink_whiteout(int folder, const std::string& name)
    {
        struct stat status;
        if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW)) return sys_error("cannot look at '{}'", printable(name));
        if (!is_whiteout(status)) return false;
        if (::unlinkat(folder, name.c_str(), 0)) return sys_error("cannot replace '{}'", printable(name));
        return true;
    }

    Result<> take_folder(archive_entry* entry)
    {
        if (::mkdirat(folder_.get(), name_.c_str(), 0700)) {
            struct stat status;
            if (errno != EEXIST) return failed("make the folder");
            if (::fstatat(folder_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW)) return failed("look at");
            if (!S_ISDIR(status.st_mode)) {
                if (!TRY(unlink_whiteout(folder_.get(), name_))) return refuse("is a folder, and was something else before");
                if (::mkdirat(folder_.get(), name_.c_str(), 0700)) return failed("make the folder");
                later_.add_opaque(path_);
            }
        }
        Fd made = TRY(open_at(folder_.get(), name_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        if (::fchown(made.get(), owner(entry), group(entry)) || ::fchmod(made.get(), mode(entry))) return failed("set up");
        result_.attributes += TRY(apply_attributes(entry, made.get(), Of::Folder));
        later_.add_time(path_, time_of(entry));
        return {};
    }

    // -- all else ---------------------------------------------------------------------------------------------------------------

    // Makes an entry by `make`, which is 0 or -1 with errno, in place of one of the same name that is no folder.
    template <typename Make>
    Result<> replace(Make make)
    {
        if (make() >= 0) return {};
        if (errno != EEXIST) return failed("make");
        struct stat status;
        if (::fstatat(folder_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW)) return failed("look at");
        if (S_ISDIR(status.st_mode)) return refuse("was a folder before");
        if (::unlinkat(folder_.get(), name_.c_str(), 0)) return failed("replace");
        if (make() < 0) return failed("make");
        return {};
    }

    Result<> take_file(archive_entry* entry)
    {
        Fd file;
        TRY(replace([&] {
            file = Fd(::openat(folder_.get(), name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
            return file.get();
        }));
        TRY(write_content(entry, file.get()));
        if (::fchown(file.get(), owner(entry), group(entry)) || ::fchmod(file.get(), mode(entry))) return failed("set up");
        result_.attributes += TRY(apply_attributes(entry, file.get(), Of::File));
        const auto times = both(time_of(entry));
        if (::futimens(file.get(), times.data())) return failed("set the times of");
        whole_.add(path_, static_cast<uint64_t>(archive_entry_size(entry)));
        return {};
    }

    Result<> write_content(archive_entry* entry, int file)
    {
        const int64_t size = archive_entry_size(entry);
        int64_t end = 0;
        while (auto piece = TRY(archive_.read())) {
            if (piece->offset < end || piece->offset + static_cast<int64_t>(piece->size) > size)
                return refuse("has more than its size says");
            TRY(write_piece(file, *piece));
            end = piece->offset + static_cast<int64_t>(piece->size);
            report();
        }
        if (end < size && ::ftruncate(file, size)) return failed("write");
        return {};
    }

    Result<> write_piece(int file, const TarInput::Piece& piece)
    {
        result_.size += piece.size;
        if (result_.size > input_.most_bytes)
            return error(Errc::Failed, "the archive has more than the {} MiB that are left on the file system of the image store",
                         input_.most_bytes >> 20);
        const char* bytes = static_cast<const char*>(piece.bytes);
        for (size_t done = 0; done < piece.size;) {
            const ssize_t n = ::pwrite(file, bytes + done, piece.size - done, piece.offset + static_cast<int64_t>(done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return failed("write");
            done += static_cast<size_t>(n);
        }
        return {};
    }

    Result<> take_symlink(archive_entry* entry)
    {
        const char* target = archive_entry_symlink(entry);
        if (!target || !*target) return refuse("is a link to nothing");
        TRY(replace([&] { return ::symlinkat(target, folder_.get(), name_.c_str()); }));
        return finish_special(entry);
    }

    Result<> take_fifo(archive_entry* entry)
    {
        TRY(replace([&] { return ::mknodat(folder_.get(), name_.c_str(), S_IFIFO | 0600, 0); }));
        if (::fchmodat(folder_.get(), name_.c_str(), mode(entry), 0)) return failed("set up");
        return finish_special(entry);
    }

    Result<> finish_special(archive_entry* entry)
    {
        const auto times = both(time_of(entry));
        if (::fchownat(folder_.get(), name_.c_str(), owner(entry), group(entry), AT_SYMLINK_NOFOLLOW) ||
            ::utimensat(folder_.get(), name_.c_str(), times.data(), AT_SYMLINK_NOFOLLOW))
            return failed("set up");
        return {};
    }

    Result<> take_link(archive_entry* entry)
    {
        const std::string target = TRY(parse_entry_path(archive_entry_hardlink(entry)));
        if (target == path_) return refuse("is a hard link to itself");
        auto [above, last] = split_entry_path(target);
        auto parent = kernel::open_in_root(input_.root, above, O_PATH | O_DIRECTORY, kernel::Links::Refuse);
        struct stat status;
        const std::string from(last);
        if (!parent || ::fstatat(parent->get(), from.c_str(), &status, AT_SYMLINK_NOFOLLOW))
            return refuse(fmt::format("is a hard link to '{}', which is not in the archive before it", printable(target)));
        if (S_ISDIR(status.st_mode) || is_whiteout(status)) return refuse("is a hard link to what cannot have one");
        return replace([&] { return ::linkat(parent->get(), from.c_str(), folder_.get(), name_.c_str(), 0); });
    }

    // What the layer has itself under that name stays: a whiteout hides what is below the layer.
    Result<> take_whiteout(archive_entry* entry)
    {
        const bool plain = archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFREG;
        if (!plain || archive_entry_size(entry) > 0) return refuse("is a whiteout that is no empty file");
        if (name_ == opaque_name) {
            later_.add_opaque(folder_path_);
            return {};
        }
        if (name_.starts_with(aufs_prefix)) return {};
        const std::string hidden = name_.substr(whiteout_prefix.size());
        if (hidden.empty() || hidden == "." || hidden == "..") return refuse("is a whiteout of nothing");
        if (::mknodat(folder_.get(), hidden.c_str(), S_IFCHR, 0) == 0) return {};
        struct stat status;
        if (errno != EEXIST) return failed("make the whiteout");
        if (::fstatat(folder_.get(), hidden.c_str(), &status, AT_SYMLINK_NOFOLLOW)) return failed("look at what is hidden by");
        if (S_ISDIR(status.st_mode)) later_.add_opaque(folder_path_.empty() ? hidden : fmt::format("{}/{}", folder_path_, hidden));
        return {};
    }

    static uid_t owner(archive_entry* entry) { return static_cast<uid_t>(archive_entry_uid(entry)); }
    static gid_t group(archive_entry* entry) { return static_cast<gid_t>(archive_entry_gid(entry)); }
    static mode_t mode(archive_entry* entry) { return archive_entry_perm(entry) & 07777; }
    static timespec time_of(archive_entry* entry) { return {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)}; }
    static std::array<timespec, 2> both(timespec time) { return {time, time}; }

    const UnpackInput& input_;
    TarInput archive_;
    LaterWriter later_;
    WholeFiles whole_;
    Unpacked result_;
    uint64_t reported_ = 0;
    std::string path_, name_;  // of the entry at hand
    std::string folder_path_;  // the folder it is in
    Fd folder_;
};

}  // namespace

Result<Unpacked> unpack_tar(const UnpackInput& input)
{
    return Unpacker(input).run();
}

}  // namespace holm::image
