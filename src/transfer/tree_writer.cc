#include "transfer/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "kernel/path.h"
#include "rootfs/remove.h"
#include "transfer/owner.h"
#include "transfer/tree_reader.h"

namespace holm::transfer {

namespace {

using kernel::Links;

constexpr uint64_t told_every = 16 << 20;  // bytes
constexpr mode_t set_ids = S_ISUID | S_ISGID;

struct Split {
    std::string above, name;
};
Split split_last(const std::string& path)
{
    const size_t at = path.rfind('/');
    if (at == path.npos) return {"", path};
    return {path.substr(0, at), path.substr(at + 1)};
}

bool is_proper(std::string_view path)
{
    for (std::string_view name : split(path, '/'))
        if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
    return path.size() <= max_path && path.find('\0') == path.npos;
}

}  // namespace

// What is half there is taken away: the destination is as it was, but for files that were whole in folders that were there before.
TreeWriter::~TreeWriter()
{
    if (!temporary_.empty()) static_cast<void>(::unlinkat(parent_.get(), temporary_.c_str(), 0));
    if (made_top_.empty()) return;
    auto [above, name] = split_last(made_top_);
    if (auto folder = open_folder(above)) static_cast<void>(rootfs::remove_tree(folder->get(), name));
}

// Below root or folder.
std::string TreeWriter::place_path(const std::string& path) const
{
    std::string whole = writing_.prefix;
    for (const std::string* part : {&writing_.name, &path})
        if (!part->empty()) whole += (whole.empty() ? "" : "/") + *part;
    return whole;
}

// "'/srv/www/index.html' of machine 'web'", of a path below root or folder.
std::string TreeWriter::shown(const std::string& path) const
{
    std::string_view below = path;
    if (!writing_.prefix.empty() && below.starts_with(writing_.prefix)) below.remove_prefix(writing_.prefix.size());
    while (below.starts_with('/')) below.remove_prefix(1);
    const std::string whole = below.empty() ? writing_.shown : fmt::format("{}/{}", writing_.shown == "/" ? "" : writing_.shown, below);
    return fmt::format("'{}'{}", printable(whole), writing_.owner);
}

Result<Fd> TreeWriter::open_folder(const std::string& path) const
{
    if (writing_.root >= 0) return kernel::open_in_root(writing_.root, path, O_RDONLY | O_DIRECTORY, Links::Inside);
    return kernel::open_in_root(writing_.folder, path, O_RDONLY | O_DIRECTORY, Links::Refuse);
}

// A tar stream need not have the folders of its files.
Result<Fd> TreeWriter::make_folder(const std::string& path)
{
    return writing_.root >= 0 ? kernel::make_folder_in_root(writing_.root, path, Links::Inside)
                              : kernel::make_folder_in_root(writing_.folder, path, Links::Refuse);
}

Result<TreeWriter::Place> TreeWriter::find_place(const std::string& path)
{
    auto [above, name] = split_last(path);
    if (!parent_ || above != parent_path_) {
        Fd folder = TRY(make_folder(above));
        parent_ = TRY(open_at(folder.get(), ".", O_RDONLY | O_DIRECTORY));
        parent_path_ = above;
        TRY(refuse_kernel_files(parent_.get(), shown(above)));
    }
    return Place{parent_.get(), name};
}

Result<> TreeWriter::add(const Entry& entry)
{
    const std::string path = place_path(entry.path);
    if (!is_proper(path) && !(path.empty() && entry.kind == Entry::Kind::Folder))
        return error(Errc::Invalid, "'{}' is no path that could be written", printable(entry.path, 64));
    if (writing_.looking_at && entry.kind == Entry::Kind::Folder) writing_.looking_at(path);
    switch (entry.kind) {
    case Entry::Kind::Folder: return add_folder(entry);
    case Entry::Kind::File: return add_file(entry);
    case Entry::Kind::Link:
    case Entry::Kind::HardLink:
    case Entry::Kind::Fifo: return add_link(entry);
    }
    return {};
}

// A folder that is there already stays as it is, with its owner and mode, and takes the content.
Result<> TreeWriter::add_folder(const Entry& entry)
{
    const std::string path = place_path(entry.path);
    if (path.empty()) return {};
    const Place place = TRY(find_place(path));
    if (::mkdirat(place.folder, place.name.c_str(), 0700)) {
        if (errno != EEXIST) return sys_error("cannot make folder {}", shown(path));
        auto there = open_folder(path);
        if (!there) return error(Errc::Exists, "{} exists and is no folder", shown(path));
        return refuse_kernel_files(there->get(), shown(path));
    }
    if (entry.path.empty()) made_top_ = path;
    folders_.push_back({path, entry});
    return {};
}

Result<> TreeWriter::add_file(const Entry& entry)
{
    const Place place = TRY(find_place(place_path(entry.path)));
    temporary_ = fmt::format(".holm-copy-{}-{}", ::getpid(), counter_++);
    Fd file(::openat(place.folder, temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) {
        temporary_.clear();
        return sys_error("cannot write {}", shown(place_path(entry.path)));
    }
    file_ = std::move(file);
    entry_ = entry;
    return {};
}

Result<> TreeWriter::write(uint64_t offset, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t size = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return sys_error("cannot write {}", shown(place_path(entry_.path)));
        bytes.remove_prefix(static_cast<size_t>(size));
        offset += static_cast<uint64_t>(size);
        written_ += static_cast<uint64_t>(size);
    }
    if (writing_.looking_at && written_ - told_ >= told_every) {
        told_ = written_;
        writing_.looking_at(place_path(entry_.path));
    }
    return {};
}

Result<> TreeWriter::close_entry()
{
    if (!file_) return {};
    const std::string path = place_path(entry_.path);
    if (::ftruncate(file_.get(), static_cast<off_t>(entry_.size))) return sys_error("cannot write {}", shown(path));
    TRY(set_all(file_.get(), entry_), shown(path));
    file_.reset();
    return put_in_place({parent_.get(), split_last(path).name}, path);
}

// Gives the temporary file its name. A folder is never replaced by what is none.
Result<> TreeWriter::put_in_place(const Place& place, const std::string& path)
{
    const unsigned flags = writing_.existing == Existing::Refuse ? RENAME_NOREPLACE : 0;
    if (::renameat2(place.folder, temporary_.c_str(), place.folder, place.name.c_str(), flags)) {
        if (errno == EEXIST) return error(Errc::Exists, "{} exists (--force replaces it)", shown(path));
        return sys_error("cannot put {} in its place", shown(path));
    }
    temporary_.clear();
    return {};
}

Result<> TreeWriter::add_link(const Entry& entry)
{
    const std::string path = place_path(entry.path);
    const Place place = TRY(find_place(path));
    temporary_ = fmt::format(".holm-copy-{}-{}", ::getpid(), counter_++);
    int made = 0;
    if (entry.kind == Entry::Kind::Link) made = ::symlinkat(entry.target.c_str(), place.folder, temporary_.c_str());
    else if (entry.kind == Entry::Kind::Fifo) made = ::mkfifoat(place.folder, temporary_.c_str(), 0600);
    else {
        if (!is_proper(entry.target)) made = -1, errno = EINVAL;
        auto [above, name] = split_last(place_path(entry.target));
        Fd first = TRY(open_folder(above));
        if (made == 0) made = ::linkat(first.get(), name.c_str(), place.folder, temporary_.c_str(), 0);
    }
    if (made) {
        temporary_.clear();
        return sys_error("cannot make {}", shown(path));
    }
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, entry.modified};
    if (entry.kind != Entry::Kind::HardLink) {
        const uid_t uid = id_outside(writing_.range, entry.uid);
        const gid_t gid = id_outside(writing_.range, entry.gid);
        if (::fchownat(place.folder, temporary_.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) ||
            ::utimensat(place.folder, temporary_.c_str(), times.data(), AT_SYMLINK_NOFOLLOW))
            return sys_error("cannot set the owner and time of {}", shown(path));
    }
    if (entry.kind == Entry::Kind::Fifo && ::fchmodat(place.folder, temporary_.c_str(), entry.mode & 0777, 0))
        return sys_error("cannot set the mode of {}", shown(path));
    return put_in_place(place, path);
}

Result<> TreeWriter::set_owner(int file, const Entry& entry)
{
    if (::fchown(file, id_outside(writing_.range, entry.uid), id_outside(writing_.range, entry.gid)))
        return sys_error("cannot set its owner");
    return {};
}

// In this order: a change of the owner clears set-ids and capabilities, one of the mode the mask of the ACL.
Result<> TreeWriter::set_all(int file, const Entry& entry)
{
    TRY(set_owner(file, entry));
    mode_t mode = entry.mode;
    if (writing_.privileged == Privileged::Strip && entry.kind == Entry::Kind::File && (mode & set_ids) != 0) {
        mode &= ~set_ids;
        ++skipped_.set_id;
    }
    if (::fchmod(file, mode)) return sys_error("cannot set its mode");
    TRY(set_attributes(file, entry));
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, entry.modified};
    if (::futimens(file, times.data())) return sys_error("cannot set its time");
    return {};
}

// A file system that has none of a kind does without, as cp(1) has it.
Result<> TreeWriter::set_attributes(int file, const Entry& entry)
{
    for (auto& [name, value] : entry.attributes) {
        const bool capability = name == "security.capability";
        if (capability && writing_.privileged == Privileged::Strip) {
            ++skipped_.set_id;
            continue;
        }
        auto mapped = map_attribute(name, value, writing_.range, Direction::Out);
        if (!mapped || ::fsetxattr(file, name.c_str(), mapped->data(), mapped->size(), 0) == 0) continue;
        if (capability) ++skipped_.set_id;
        else if (errno != ENOTSUP && errno != EPERM) return sys_error("cannot set its attribute '{}'", printable(name));
    }
    return {};
}

// From the last folder to the first: a change in a folder changes its time.
Result<> TreeWriter::finish()
{
    for (auto late = folders_.rbegin(); late != folders_.rend(); ++late) {
        Fd folder = TRY(open_folder(late->path));
        TRY(set_all(folder.get(), late->entry), shown(late->path));
    }
    made_top_.clear();
    return {};
}

}  // namespace holm::transfer
