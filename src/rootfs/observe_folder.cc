#include "rootfs/observe_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/handle.h"
#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/disk.h"
#include "rootfs/file_status.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

namespace {

bool is_disk_image(std::string_view path)
{
    return std::ranges::any_of(image_endings, [&](std::string_view ending) { return path.ends_with(ending); });
}

std::string_view describe_type(mode_t mode)
{
    if (S_ISREG(mode)) return "a file";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "something else";
}

// What stands in the way of opening a path, for people: a link that leads nowhere looks like a file that is there.
Error open_error(const std::string& path, const Error& error)
{
    struct stat status;
    if (error.sys_errno == ENOENT && lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
        return holm::error(Errc::NotFound, "'{}' is a link to something that does not exist", printable(path));
    if (error.sys_errno == ENOENT || error.sys_errno == ENOTDIR) return holm::error(Errc::NotFound, "'{}' does not exist", printable(path));
    return error;
}

bool is_empty(int folder)
{
    Result<Fd> own = open_at(folder, ".", O_RDONLY | O_DIRECTORY);
    if (!own) return false;
    Handle<DIR, closedir> listing(fdopendir(own->get()));
    if (!listing) return false;
    own->release();
    while (const dirent* entry = readdir(listing.get()))
        if (std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..") return false;
    return true;
}

std::string parent_of(const std::string& path)
{
    size_t slash = path.rfind('/');
    return slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
}

}  // namespace

Result<Fd> open_folder(const std::string& path)
{
    Result<Fd> opened = kernel::open_source(path, O_PATH);
    if (!opened) return open_error(path, opened.error());
    mode_t mode = TRY(observe_status(opened->get())).mode;
    if (S_ISDIR(mode)) return std::move(*opened);
    if (S_ISREG(mode) && is_disk_image(path))
        return error(Errc::NotSupported, "'{}' is a disk image, not a folder: 'holmctl import-raw' makes an image of the store of it",
                     printable(path));
    return error(Errc::Invalid, "'{}' is {}, not a folder", printable(path), describe_type(mode));
}

Result<std::vector<FileId>> observe_parents(int folder)
{
    std::vector<FileId> parents;
    FileStatus below = TRY(observe_status(folder));
    Fd here = TRY(duplicate(folder));
    for (unsigned depth = 0; depth < 4096; ++depth) {
        Fd above = TRY(open_at(here.get(), "..", O_PATH | O_DIRECTORY));
        FileStatus status = TRY(observe_status(above.get()));
        if (status.mount != below.mount || status.id == below.id) break;
        parents.push_back(status.id);
        here = std::move(above), below = status;
    }
    return parents;
}

Result<Folder> describe_folder(int folder, const std::string& path, IdMapProbe* probe)
{
    const auto status = TRY(observe_status(folder));
    Folder facts{.path = path, .id = status.id};
    facts.file_system = kernel::file_system_name(folder);
    facts.read_only = TRY(kernel::is_read_only(folder));
    if (probe) facts.can_be_id_mapped = TRY(probe->can_be_mapped(folder));
    facts.parents = TRY(observe_parents(folder));
    return facts;
}

Result<Folder> describe_disk(int mount, const std::string& path, IdMapProbe* probe)
{
    Folder facts{.path = path, .id = TRY(observe_status(mount)).id};
    facts.file_system = kernel::file_system_name(mount);
    if (probe) facts.can_be_id_mapped = TRY(probe->map(mount));
    return facts;
}

Result<UpperFacts> observe_upper_folders(const UpperPlace& place, IdMapProbe* probe)
{
    UpperFacts upper;
    std::string above = parent_of(place.path);
    Result<Fd> parent = open_folder(above);
    while (!parent && place.ours && parent.error().code == Errc::NotFound && above != "/")
        above = parent_of(above), parent = open_folder(above);
    if (!parent && parent.error().code != Errc::NotFound) return parent.error();
    if (parent) upper.parent = TRY(describe_folder(parent->get(), above, probe));

    Result<Fd> folder = open_folder(place.path);
    if (!folder && folder.error().code != Errc::NotFound) return folder.error();
    if (folder) {
        upper.folder = TRY(describe_folder(folder->get(), place.path, probe));
        upper.mounted = TRY(observe_status(folder->get())).mount != TRY(observe_status(parent->get())).mount;
        upper.empty = is_empty(folder->get());
    }
    if (Result<Fd> work = open_folder(place.work)) upper.work = TRY(observe_status(work->get())).id;
    return upper;
}

namespace {

Result<SourceFacts> observe_bind(const machine::MountSpec& mount, IdMapProbe* probe)
{
    SourceFacts source;
    Result<Fd> file = kernel::open_source(mount.source, O_PATH);
    if (!file && (file.error().sys_errno == ENOENT || file.error().sys_errno == ENOTDIR)) return source;
    if (!file) return file.error();
    source.exists = true;
    source.file_system = kernel::file_system_name(file->get());
    if (probe) source.can_be_id_mapped = TRY(probe->can_be_mapped(file->get()));
    return source;
}

Result<SourceFacts> observe_image(const machine::MountSpec& mount, std::span<const Disk> disks, IdMapProbe* probe)
{
    const Disk* disk = find_disk(disks, mount.source);
    if (!disk) return SourceFacts();
    Fd root = TRY(open_disk(*disk));
    const Folder folder = TRY(describe_disk(root.get(), mount.source, probe));
    return SourceFacts{.exists = true, .can_be_id_mapped = folder.can_be_id_mapped, .file_system = folder.file_system};
}

Result<SourceFacts> observe_overlay(const machine::MountSpec& mount, IdMapProbe* probe)
{
    const OverlayPlace place = place_overlay(mount);
    SourceFacts source{.exists = true};
    for (const std::string& path : place.layers) {
        Result<Fd> folder = open_folder(path);
        if (!folder && folder.error().code == Errc::NotFound && mount.optional) return SourceFacts();
        if (!folder) return folder.error();
        source.layers.push_back(TRY(describe_folder(folder->get(), path, probe)));
    }
    if (place.upper.upper == Upper::Directory) source.upper = TRY(observe_upper_folders(place.upper, probe));
    return source;
}

}  // namespace

Result<SourceFacts> observe_source(const machine::MountSpec& mount, std::span<const Disk> disks, IdMapProbe* probe)
{
    switch (mount.type) {
    case machine::MountType::Bind: return observe_bind(mount, mount.owner == machine::MountOwner::Host ? nullptr : probe);
    case machine::MountType::Image: return observe_image(mount, disks, mount.owner == machine::MountOwner::Host ? nullptr : probe);
    case machine::MountType::Overlay: return observe_overlay(mount, probe);
    case machine::MountType::Tmpfs:
    case machine::MountType::Volume:
    case machine::MountType::Inaccessible: break;
    }
    return SourceFacts();
}

}  // namespace holm::rootfs
