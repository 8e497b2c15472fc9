#include "rootfs/open_sources.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <optional>

#include "base/text.h"
#include "kernel/idmap.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/apply_layers.h"
#include "rootfs/disk.h"

namespace holm::rootfs {

namespace {

using kernel::Subtree;
using machine::MountType;

// A folder of holm's own, in which no source lies, and which nobody reads in this mount namespace from here on.
constexpr const char* staged_sources = "/run/holm/machines";

// The disk of that path, as it is staged; none: it is no disk.
Result<std::optional<Fd>> open_staged_disk(const Plan& plan, const Sources& sources, const std::string& path)
{
    const Disk* disk = find_disk(plan.disks, path);
    if (!disk) return std::optional<Fd>();
    const std::string name = staged_disk(static_cast<size_t>(disk - plan.disks.data()));
    return std::optional(TRY(open_at(sources.staged.get(), name, O_PATH | O_DIRECTORY)));
}

Result<Fd> open_layer(const Plan& plan, const Sources& sources, size_t index)
{
    if (auto disk = TRY(open_staged_disk(plan, sources, plan.lower[index]))) return std::move(*disk);
    auto layer = kernel::open_source(plan.lower[index], O_PATH | O_DIRECTORY);
    if (!layer) return errno_error(layer.error().sys_errno, "cannot use {}", describe_layer(plan, index));
    return layer;
}

// Where a folder lies after all links: the kernel's own name of it.
Result<std::string> real_path(int folder)
{
    std::string path(PATH_MAX, '\0');
    ssize_t size = ::readlink(kernel::path_of_descriptor(folder).c_str(), path.data(), path.size());
    if (size < 0) return sys_error("cannot find the path of a folder");
    path.resize(static_cast<size_t>(size));
    return path;
}

Result<uint64_t> mount_id(int file)
{
    struct statx status;
    if (::statx(file, "", AT_EMPTY_PATH, STATX_MNT_ID, &status)) return sys_error("cannot look at a folder");
    return uint64_t{status.stx_mnt_id};
}

struct UpperFolders {
    const Plan& plan;
    const std::string& upper;
    const std::string& work;
    bool create = false;
};

struct OpenedUpper {
    Fd state;
    std::string upper, work;
};

// A folder of an upper: made where it is holm's own, else it must be there.
Result<Fd> open_upper_folder(const UpperFolders& folders, const std::string& path)
{
    if (folders.create) TRY(make_folders(path), fmt::format("upper of machine '{}'", folders.plan.machine));
    auto folder = kernel::open_source(path, O_PATH | O_DIRECTORY);
    if (!folder)
        return errno_error(folder.error().sys_errno, "cannot use '{}' as upper or work of machine '{}'", printable(path),
                           folders.plan.machine);
    return folder;
}

// Overlay wants upper and work on one mount, so that it is the folder above both that is id-mapped and attached.
Result<OpenedUpper> open_upper(const UpperFolders& folders)
{
    Fd upper = TRY(open_upper_folder(folders, folders.upper)), work = TRY(open_upper_folder(folders, folders.work));
    if (TRY(kernel::file_system_magic(upper.get())) == OVERLAYFS_SUPER_MAGIC)
        return error(Errc::NotSupported,
                     "the upper '{}' of machine '{}' lies on an overlay, which cannot hold one: keep it on ext4, xfs, btrfs or the like",
                     printable(folders.upper), folders.plan.machine);
    const std::string upper_path = TRY(real_path(upper.get())), work_path = TRY(real_path(work.get()));
    size_t upper_slash = upper_path.rfind('/'), work_slash = work_path.rfind('/');
    const std::string above = upper_path.substr(0, std::max<size_t>(upper_slash, 1));
    OpenedUpper opened;
    opened.state = TRY(kernel::open_source(above, O_PATH | O_DIRECTORY));
    uint64_t state_mount = TRY(mount_id(opened.state.get()));
    if (upper_path.substr(0, upper_slash) != work_path.substr(0, work_slash) || TRY(mount_id(upper.get())) != state_mount ||
        TRY(mount_id(work.get())) != state_mount)
        return error(Errc::Invalid,
                     "upper '{}' and work '{}' of machine '{}' must lie beside each other in one folder, neither of them a mount point",
                     printable(upper_path), printable(work_path), folders.plan.machine);
    opened.upper = upper_path.substr(upper_slash + 1);
    opened.work = work_path.substr(work_slash + 1);
    return opened;
}

// ── mounts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

Result<Fd> make_staged_sources()
{
    TRY(make_folders(staged_sources, 0700));
    Fd folder = TRY(open_file(staged_sources, O_PATH | O_DIRECTORY));
    Fd tmpfs = TRY(kernel::make_mount({.type = "tmpfs", .options = {{"mode", "0700"}, {"size", "1m"}}, .attributes = kernel::no_suid_dev}));
    TRY(kernel::attach_mount(tmpfs.get(), folder.get()));
    return tmpfs;
}

// A bind of what is open, kept in `staged` under that name.
Result<> stage_source(int staged, const std::string& name, int mount, bool folder)
{
    const int made = folder ? ::mkdirat(staged, name.c_str(), 0700) : ::mknodat(staged, name.c_str(), S_IFREG | 0600, 0);
    if (made) return sys_error("cannot make the place of a source");
    Fd target = TRY(open_at(staged, name, O_PATH | O_NOFOLLOW));
    return kernel::attach_mount(mount, target.get());
}

// The one user of the map, and nobody else. A mount is id-mapped once and before it is attached: here, where all is known.
Result<> give_to_user(int bind, const Plan& plan, const Mount& mount, bool recursive)
{
    const UserMap& user = *mount.user;
    const uint64_t inside = uint64_t{plan.ids.base} + user.id;
    Fd map = TRY(kernel::make_id_map(fmt::format("{} {} 1", user.uid, inside), fmt::format("{} {} 1", user.gid, inside)));
    auto done = kernel::change_mount(
        bind, {.user_namespace = map.get(), .make_private = true, .subtree = recursive ? Subtree::WithMountsBelow : Subtree::Alone});
    if (done || (done.error().sys_errno != EINVAL && done.error().sys_errno != EPERM)) return done;
    return error(Errc::NotSupported, "a file system of it ({}) cannot be id-mapped: set its owner = \"host\"{}",
                 kernel::file_system_name(bind), recursive ? ", or give the mount the option \"norec\"" : "");
}

Result<> stage_bind(const Plan& plan, size_t index, int file, int staged)
{
    const Mount& mount = plan.mounts[index];
    struct stat status;
    if (::fstat(file, &status)) return sys_error("cannot look at it");
    const bool folder = S_ISDIR(status.st_mode), recursive = mount.recursive && folder;
    Fd bind = TRY(kernel::clone_mount(file, recursive ? Subtree::WithMountsBelow : Subtree::Alone));
    if (mount.user) TRY(give_to_user(bind.get(), plan, mount, recursive));
    return stage_source(staged, staged_bind(index), bind.get(), folder);
}

Error source_error(const Plan& plan, const Mount& mount, const std::string& path, const Error& why)
{
    const std::string text =
        fmt::format("cannot bind '{}' to '{}' of machine '{}'", printable(path), printable(mount.target), plan.machine);
    return why.sys_errno ? errno_error(why.sys_errno, "{}", text) : with_context(why, text);
}

bool is_missing_by_choice(const Mount& mount, const Error& error)
{
    return mount.optional && error.sys_errno == ENOENT;
}

Result<MountSource> open_overlay_source(const Plan& plan, size_t index, int staged)
{
    const Mount& mount = plan.mounts[index];
    MountSource source{.there = true};
    for (const std::string& path : layers_of(mount)) {
        auto folder = kernel::open_source(path, O_PATH | O_DIRECTORY);
        if (!folder && is_missing_by_choice(mount, folder.error())) return MountSource();
        if (!folder) return source_error(plan, mount, path, folder.error());
        Fd bind = TRY(kernel::clone_mount(folder->get(), Subtree::Alone));
        TRY(stage_source(staged, staged_layer(index, source.layers++), bind.get(), true));
    }
    if (mount.upper.empty()) return source;
    OpenedUpper opened = TRY(open_upper({.plan = plan, .upper = mount.upper, .work = mount.work, .create = true}));
    Fd bind = TRY(kernel::clone_mount(opened.state.get(), Subtree::Alone));
    TRY(stage_source(staged, staged_state(index), bind.get(), true));
    source.upper = std::move(opened.upper), source.work = std::move(opened.work);
    return source;
}

Result<MountSource> open_bind_source(const Plan& plan, size_t index, const Sources& sources)
{
    const Mount& mount = plan.mounts[index];
    const int staged = sources.staged.get();
    if (mount.type == MountType::Image) {
        auto disk = TRY(open_staged_disk(plan, sources, mount.source));
        if (!disk) return MountSource();  // an optional one that was missing as this was planned
        if (auto done = stage_bind(plan, index, disk->get(), staged); !done) return source_error(plan, mount, mount.source, done.error());
        return MountSource{.there = true};
    }
    auto file = kernel::open_source(mount.source, O_PATH);
    if (!file && is_missing_by_choice(mount, file.error())) return MountSource();
    if (!file) return source_error(plan, mount, mount.source, file.error());
    if (auto done = stage_bind(plan, index, file->get(), staged); !done) return source_error(plan, mount, mount.source, done.error());
    return MountSource{.there = true};
}

Result<> stage_disks(const Plan& plan, const Sources& sources)
{
    for (size_t i = 0; i < plan.disks.size(); ++i) {
        Fd mount = TRY(open_disk(plan.disks[i]), fmt::format("machine '{}'", plan.machine));
        TRY(stage_source(sources.staged.get(), staged_disk(i), mount.get(), true));
    }
    return {};
}

Result<> open_mounts(const Plan& plan, Sources& sources)
{
    for (size_t i = 0; i < plan.mounts.size(); ++i) {
        MountSource source;
        if (plan.mounts[i].type == MountType::Bind || plan.mounts[i].type == MountType::Image)
            source = TRY(open_bind_source(plan, i, sources));
        if (plan.mounts[i].type == MountType::Overlay) source = TRY(open_overlay_source(plan, i, sources.staged.get()), plan.mounts[i].key);
        sources.mounts.push_back(std::move(source));
    }
    return {};
}

}  // namespace

std::string staged_bind(size_t mount)
{
    return fmt::format("{}", mount);
}

std::string staged_layer(size_t mount, size_t layer)
{
    return fmt::format("{}.{}", mount, layer);
}

std::string staged_state(size_t mount)
{
    return fmt::format("{}.state", mount);
}

std::string staged_disk(size_t disk)
{
    return fmt::format("disk.{}", disk);
}

Result<Sources> open_sources(const Plan& plan)
{
    Sources sources;
    if (!plan.mounts.empty() || !plan.disks.empty()) sources.staged = TRY(make_staged_sources());
    TRY(stage_disks(plan, sources));
    for (size_t i = 0; i < plan.lower.size(); ++i) sources.layers.push_back(TRY(open_layer(plan, sources, i)));
    if (plan.upper == Upper::Directory && !plan.only_usr) {
        OpenedUpper opened = TRY(open_upper({.plan = plan, .upper = plan.upper_path, .work = plan.work_path, .create = plan.create_upper}));
        sources.state = std::move(opened.state), sources.upper = std::move(opened.upper), sources.work = std::move(opened.work);
    }
    TRY(open_mounts(plan, sources));
    return sources;
}

}  // namespace holm::rootfs
