#include "transfer/tree_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "transfer/owner.h"

namespace holm::transfer {

namespace {

using Listing = Handle<DIR, closedir>;

constexpr size_t piece = 1 << 20;  // bytes that are read at once
constexpr size_t max_attribute = 64 << 10;
constexpr unsigned max_depth = 1000;  // folders within each other, as of images
constexpr uint64_t kernel_file_systems[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,      CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
                                            DEVPTS_SUPER_MAGIC, SECURITYFS_MAGIC, DEBUGFS_MAGIC,       TRACEFS_MAGIC,
                                            BPF_FS_MAGIC,       BINFMTFS_MAGIC,   NSFS_MAGIC};

class Reader {
public:
    Reader(const TreeReading& reading, Sink& sink) : reading_(reading), sink_(sink), buffer_(piece, '\0') {}

    Result<Skipped> run()
    {
        raise_descriptor_limit();
        TRY(refuse_kernel_files(reading_.top, "it"));
        Entry entry;
        struct stat status;
        if (::fstat(reading_.top, &status)) return sys_error("cannot look at what is to be copied");
        switch (status.st_mode & S_IFMT) {
        case S_IFDIR: {
            Fd folder = TRY(open_at(reading_.top, ".", O_RDONLY | O_DIRECTORY));
            TRY(put_folder(std::move(entry), std::move(folder)));
            break;
        }
        case S_IFREG: {
            // The descriptor that is checked is the one that is read: by its own number, whatever happened to its name.
            Fd file = TRY(open_file(kernel::path_of_descriptor(reading_.top), O_RDONLY | O_NONBLOCK));
            TRY(put_file(std::move(entry), file.get()));
            break;
        }
        default: return error(Errc::Invalid, "it is no file and no folder");
        }
        return skipped_;
    }

private:
    // Of the depth of the tree, each level has one.
    static void raise_descriptor_limit()
    {
        rlimit limit{};
        if (::getrlimit(RLIMIT_NOFILE, &limit)) return;
        limit.rlim_cur = limit.rlim_max;
        static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    }

    void describe(Entry& entry, const struct stat& status, Entry::Kind kind) const
    {
        entry.kind = kind;
        entry.mode = status.st_mode & 07777;
        entry.uid = id_inside(reading_.range, status.st_uid);
        entry.gid = id_inside(reading_.range, status.st_gid);
        entry.modified = status.st_mtim;
    }

    Result<> put_folder(Entry entry, Fd folder)
    {
        struct stat status;
        if (::fstat(folder.get(), &status)) return sys_error("cannot look at folder '{}'", printable(entry.path));
        TRY(refuse_kernel_files(folder.get(), fmt::format("'{}'", printable(entry.path))));
        describe(entry, status, Entry::Kind::Folder);
        TRY(read_attributes(entry, folder.get()));
        TRY(sink_.add(entry));
        TRY(sink_.close_entry());
        if (depth_ == max_depth)
            return error(Errc::Invalid, "'{}…': folders are nested deeper than {}", printable(entry.path, 64), max_depth);
        Listing listing(::fdopendir(folder.get()));
        if (!listing) return sys_error("cannot list folder '{}'", printable(entry.path));
        folder.release();
        ++depth_;
        TRY(put_content(entry.path, listing.get()));
        --depth_;
        return {};
    }

    Result<> put_content(const std::string& path, DIR* listing)
    {
        if (reading_.looking_at) reading_.looking_at(path);
        errno = 0;
        while (const dirent* found = ::readdir(listing)) {
            const std::string_view name = found->d_name;
            if (name == "." || name == "..") continue;
            Entry entry;
            entry.path = path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
            if (entry.path.size() > max_path)
                return error(Errc::Invalid, "'{}…': a path of more than {} bytes", printable(entry.path, 64), max_path);
            TRY(put_one(std::move(entry), ::dirfd(listing), found->d_name));
            errno = 0;
        }
        return errno ? Result<>(sys_error("cannot list folder '{}'", printable(path))) : Result<>();
    }

    // What is gone or has become something else since it was listed is as if it never was.
    Result<> put_one(Entry entry, int folder, const char* name)
    {
        struct stat status;
        if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
            return errno == ENOENT ? Result<>() : Result<>(sys_error("cannot look at '{}'", printable(entry.path)));
        switch (status.st_mode & S_IFMT) {
        case S_IFDIR: {
            auto opened = open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
            return opened ? put_folder(std::move(entry), std::move(*opened)) : unless_gone(opened.error(), entry.path);
        }
        case S_IFREG: {
            auto opened = open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
            return opened ? put_file(std::move(entry), opened->get()) : unless_gone(opened.error(), entry.path);
        }
        case S_IFLNK: return put_link(std::move(entry), folder, name, status);
        case S_IFIFO: describe(entry, status, Entry::Kind::Fifo); return put_empty(entry);
        default: ++skipped_.special; return {};
        }
    }

    static Result<> unless_gone(const Error& failure, const std::string& path)
    {
        const int number = failure.sys_errno;
        if (number == ENOENT || number == ELOOP || number == ENOTDIR || number == ENXIO) return {};
        return errno_error(number, "cannot open '{}'", printable(path));
    }

    Result<> put_empty(const Entry& entry)
    {
        TRY(sink_.add(entry));
        return sink_.close_entry();
    }

    Result<> put_link(Entry entry, int folder, const char* name, const struct stat& status)
    {
        std::string target(PATH_MAX, '\0');  // not of the stack: this may be inlined where folders are gone into
        const ssize_t size = ::readlinkat(folder, name, target.data(), target.size());
        if (size < 0)
            return errno == ENOENT || errno == EINVAL ? Result<>() : Result<>(sys_error("cannot read link '{}'", printable(entry.path)));
        describe(entry, status, Entry::Kind::Link);
        entry.target = target.substr(0, static_cast<size_t>(size));
        return put_empty(entry);
    }

    Result<> put_file(Entry entry, int file)
    {
        struct stat status;
        if (::fstat(file, &status)) return sys_error("cannot look at '{}'", printable(entry.path));
        if (!S_ISREG(status.st_mode)) return {};
        TRY(refuse_kernel_files(file, fmt::format("'{}'", printable(entry.path))));
        describe(entry, status, Entry::Kind::File);
        if (status.st_nlink > 1) {
            auto [first, fresh] = linked_.try_emplace({status.st_dev, status.st_ino}, entry.path);
            if (!fresh) {
                entry.kind = Entry::Kind::HardLink;
                entry.target = first->second;
                return put_empty(entry);
            }
        }
        entry.size = static_cast<uint64_t>(status.st_size);
        entry.stretches = find_stretches(file, entry.size);
        TRY(read_attributes(entry, file));
        TRY(sink_.add(entry));
        TRY(put_bytes(entry, file));
        return sink_.close_entry();
    }

    // None: no holes, or a file system that does not tell.
    static std::vector<Stretch> find_stretches(int file, uint64_t size)
    {
        std::vector<Stretch> stretches;
        for (off_t at = 0; at < static_cast<off_t>(size);) {
            const off_t data = ::lseek(file, at, SEEK_DATA);
            if (data < 0 && errno == ENXIO) break;  // a hole to the end
            if (data < 0) return {};
            off_t hole = ::lseek(file, data, SEEK_HOLE);
            if (hole < 0 || hole > static_cast<off_t>(size)) hole = static_cast<off_t>(size);
            if (hole <= data) break;
            stretches.push_back({static_cast<uint64_t>(data), static_cast<uint64_t>(hole - data)});
            at = hole;
        }
        if (stretches.size() == 1 && stretches[0] == Stretch{0, size}) return {};
        if (stretches.empty() && size > 0) stretches.push_back({size, 0});  // nothing but a hole
        return stretches;
    }

    Result<> put_bytes(const Entry& entry, int file)
    {
        if (entry.stretches.empty()) return put_stretch(entry, file, {0, entry.size});
        for (const Stretch& stretch : entry.stretches) TRY(put_stretch(entry, file, stretch));
        return {};
    }

    // A file that has become shorter gives a hole at its end: its size is told already.
    Result<> put_stretch(const Entry& entry, int file, Stretch stretch)
    {
        for (uint64_t at = stretch.offset, end = stretch.offset + stretch.size; at < end;) {
            const size_t wanted = std::min<uint64_t>(piece, end - at);
            const ssize_t size = ::pread(file, buffer_.data(), wanted, static_cast<off_t>(at));
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) return sys_error("cannot read '{}'", printable(entry.path));
            if (size == 0) return {};
            TRY(sink_.write(at, {buffer_.data(), static_cast<size_t>(size)}));
            at += static_cast<uint64_t>(size);
            read_ += static_cast<uint64_t>(size);
            if (reading_.looking_at && read_ - told_ >= 16 * piece) {
                told_ = read_;
                reading_.looking_at(entry.path);
            }
        }
        return {};
    }

    // A file system without them has none.
    Result<> read_attributes(Entry& entry, int file) const
    {
        std::string names(max_attribute, '\0');
        const ssize_t size = ::flistxattr(file, names.data(), names.size());
        if (size <= 0) return {};
        names.resize(static_cast<size_t>(size));
        for (std::string_view name : split(names, '\0')) {
            if (name.empty() || !is_carried(name)) continue;
            std::string value(max_attribute, '\0');
            const ssize_t length = ::fgetxattr(file, std::string(name).c_str(), value.data(), value.size());
            if (length < 0) continue;  // gone meanwhile
            value.resize(static_cast<size_t>(length));
            if (auto mapped = map_attribute(name, value, reading_.range, Direction::In)) entry.attributes.emplace_back(name, *mapped);
        }
        return {};
    }

    const TreeReading& reading_;
    Sink& sink_;
    std::string buffer_;
    uint64_t read_ = 0, told_ = 0;
    unsigned depth_ = 0;
    std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // files with more than one name, where they were first
    Skipped skipped_;
};

}  // namespace

Result<> refuse_kernel_files(int file, std::string_view what)
{
    const uint64_t magic = TRY(kernel::file_system_magic(file));
    if (std::ranges::find(kernel_file_systems, magic) == std::end(kernel_file_systems)) return {};
    return error(Errc::Invalid, "{} lies on {}, which is the kernel's: nothing is copied from or to there", what,
                 kernel::file_system_name(file));
}

Result<Skipped> read_tree(const TreeReading& reading, Sink& sink)
{
    return Reader(reading, sink).run();
}

}  // namespace holm::transfer
