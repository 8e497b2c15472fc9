#include "rootfs/live_mount.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "rootfs/apply_layers.h"
#include "rootfs/device_node.h"
#include "rootfs/file_status.h"

namespace holm::rootfs {

namespace {

using kernel::Links;
using kernel::Subtree;

constexpr const char* staged = "bind";  // below `stage`

struct Source {
    Fd mount;
    bool folder = false;
};

uint64_t attributes_of(const LiveMount& wanted)
{
    return (wanted.read_only ? uint64_t{MOUNT_ATTR_RDONLY} : 0) | (wanted.nosuid ? MOUNT_ATTR_NOSUID : 0) |
           (wanted.nodev ? MOUNT_ATTR_NODEV : 0) | (wanted.noexec ? MOUNT_ATTR_NOEXEC : 0);
}

Result<Source> open_source_mount(const LiveMount& wanted)
{
    Fd file = TRY(kernel::open_source(wanted.source, O_PATH));
    struct stat status;
    if (::fstat(file.get(), &status)) return sys_error("cannot look at '{}'", printable(wanted.source));
    Source source;
    source.folder = S_ISDIR(status.st_mode);
    const bool recursive = source.folder && wanted.recursive;
    const std::string what = fmt::format("'{}'", printable(wanted.source));
    source.mount = TRY(kernel::clone_mount(file.get(), recursive ? Subtree::WithMountsBelow : Subtree::Alone), what);
    TRY(map_mount(source.mount.get(),
                  {.plan = wanted.plan,
                   .user_namespace = wanted.user_namespace,
                   .attributes = attributes_of(wanted),
                   .id_mapped = wanted.id_mapped,
                   .recursive = recursive},
                  what));
    return source;
}

// Memory of this process's own, which is its working directory: what is attached in a mount namespace of the host's has its flags locked in
// the copy of it into one of the machine's user namespace.
Result<> enter_stage()
{
    TRY(kernel::unshare_namespaces(CLONE_NEWNS));
    TRY(kernel::make_mounts_slave());
    Fd folder = TRY(open_file(stage, O_PATH | O_DIRECTORY));
    Fd memory = TRY(kernel::make_mount({.type = "tmpfs", .options = {{"mode", "0755"}}, .attributes = 0}));
    TRY(kernel::attach_mount(memory.get(), folder.get()));
    if (::chdir(stage)) return sys_error("cannot enter '{}'", stage);
    return {};
}

Result<> stage_mount(const Source& source)
{
    TRY(enter_stage());
    const int made = source.folder ? ::mkdir(staged, 0755) : ::mknod(staged, S_IFREG | 0644, 0);
    if (made) return sys_error("cannot make the place of a mount");
    Fd target = TRY(open_file(staged, O_PATH));
    return kernel::attach_mount(source.mount.get(), target.get());
}

// Untraceable first: from then on the machine's root has power over this process.
Result<> become_root_of(int leader)
{
    if (::prctl(PR_SET_DUMPABLE, 0)) return sys_error("cannot become untraceable");
    TRY(kernel::join_namespaces(leader, CLONE_NEWUSER));
    if (::setgroups(0, nullptr) || ::setresgid(0, 0, 0) || ::setresuid(0, 0, 0)) return sys_error("cannot become root of the machine");
    return {};
}

Result<Fd> take_locked_copy(bool folder)
{
    TRY(kernel::unshare_namespaces(CLONE_NEWNS));  // the working directory is its copy from here on
    Fd file = TRY(open_file(staged, O_PATH));
    return kernel::clone_mount(file.get(), folder ? Subtree::WithMountsBelow : Subtree::Alone);
}

Result<Fd> open_target(const LiveMount& wanted, bool folder)
{
    Fd root = TRY(open_file("/", O_PATH | O_DIRECTORY));
    if (!wanted.make_target) {
        auto target = kernel::open_in_root(root.get(), wanted.target, O_PATH, Links::Inside);
        if (!target && target.error().code == Errc::NotFound) target.error().text += " (--mkdir makes it)";
        return target;
    }
    return folder ? kernel::make_folder_in_root(root.get(), wanted.target, Links::Inside)
                  : kernel::make_file_in_root(root.get(), wanted.target, Links::Inside);
}

// What umount2(2) is told besides a path that ends with the mount point itself, seen from the folder that holds it.
Result<> unmount_here(const std::string& name, const std::string& target)
{
    if (::umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
    if (errno == EINVAL)
        return error(Errc::Invalid, "'{}' is no mount that could be taken away: what is mounted there since the start is locked",
                     printable(target));
    return sys_error("cannot unmount '{}'", printable(target));
}

// Makes the folder in which the machine has `target` the working directory, as the machine's root where it has one of its own; answers the
// name in it. By that name: what the target names is a mount point there, whatever links lead to it.
Result<std::string> enter_folder_of(int leader, bool has_user_namespace, const std::string& target)
{
    Fd mounts = TRY(kernel::open_mount_namespace(leader));
    if (has_user_namespace) TRY(become_root_of(leader));
    TRY(kernel::join_mount_namespace(mounts.get()));
    std::string path = target;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const size_t at = path.rfind('/');
    Fd root = TRY(open_file("/", O_PATH | O_DIRECTORY));
    Fd folder = TRY(kernel::open_in_root(root.get(), path.substr(0, at), O_PATH | O_DIRECTORY, Links::Inside));
    std::string name = path.substr(at + 1);
    if (name.empty() || name == "." || name == "..") return error(Errc::Invalid, "'{}' cannot be unmounted", printable(target));
    if (::fchdir(folder.get())) return sys_error("cannot enter the folder of '{}'", printable(target));
    return name;
}

}  // namespace

Result<> attach_live(const LiveMount& wanted)
{
    const Source source = TRY(open_source_mount(wanted));
    Fd mounts = TRY(kernel::open_mount_namespace(wanted.leader));
    Fd mount;
    if (wanted.user_namespace >= 0) {
        TRY(stage_mount(source));
        TRY(become_root_of(wanted.leader));
        mount = TRY(take_locked_copy(source.folder));
    } else mount = TRY(duplicate(source.mount.get()));
    TRY(kernel::join_mount_namespace(mounts.get()));
    Fd target = TRY(open_target(wanted, source.folder));
    return kernel::attach_mount(mount.get(), target.get());
}

Result<> attach_live_device(const Plan& plan, int leader, int user_namespace, const Device& device)
{
    TRY(enter_stage());
    TRY(make_device_node(plan, AT_FDCWD, staged, device));
    Fd mounts = TRY(kernel::open_mount_namespace(leader));
    if (user_namespace >= 0) TRY(become_root_of(leader));
    Fd mount = TRY(take_locked_copy(false));
    TRY(kernel::join_mount_namespace(mounts.get()));
    Fd target = TRY(open_target({.plan = plan, .target = device.path, .make_target = true}, false));
    return kernel::attach_mount(mount.get(), target.get());
}

Result<> remove_live_device(int leader, bool has_user_namespace, const std::string& path)
{
    const std::string name = TRY(enter_folder_of(leader, has_user_namespace, path));
    if (::umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL && errno != ENOENT)
        return sys_error("cannot unmount '{}'", printable(path));
    if (::unlink(name.c_str()) && errno != ENOENT) return sys_error("cannot remove '{}'", printable(path));
    return {};
}

Result<> detach_live(int leader, bool has_user_namespace, const std::string& target)
{
    const std::string name = TRY(enter_folder_of(leader, has_user_namespace, target));
    return unmount_here(name, target);
}

}  // namespace holm::rootfs
