#include "rootfs/apply_folders.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/device_node.h"
#include "rootfs/own_tmpfs.h"

namespace holm::rootfs {

namespace {

using kernel::FileSystem;
using kernel::Links;
using kernel::Subtree;

// Sizes as systemd gives its own (TMPFS_LIMITS_* of src/basic/mountpoint-util.h).
FileSystem tmpfs(const Plan& plan, const char* mode, const char* size, const char* inodes, uint64_t attributes)
{
    return own_tmpfs(plan, {{"mode", mode}, {"size", size}, {"nr_inodes", inodes}}, attributes);
}

// One of holm's own folders of the root: made where missing, never through a link.
Result<Fd> open_own_folder(int root, const std::string& name)
{
    auto folder = kernel::open_in_root(root, name, O_PATH | O_DIRECTORY, Links::Refuse);
    if (folder) return folder;
    switch (folder.error().sys_errno) {
    case ELOOP: return error(Errc::Invalid, "'/{}' of the machine's root is a symbolic link, which is refused", name);
    case ENOTDIR: return error(Errc::Invalid, "'/{}' of the machine's root is not a folder", name);
    case ENOENT: break;
    default: return folder;
    }
    if (::mkdirat(root, name.c_str(), 0755) && errno == EROFS)
        return error(Errc::Invalid, "the machine's root is read-only and has no folder '/{}'", name);
    return kernel::open_in_root(root, name, O_PATH | O_DIRECTORY, Links::Refuse);
}

// The mount itself, as a folder to put things in.
Result<Fd> attach_new(int root, const std::string& name, const FileSystem& file_system)
{
    Fd mount = TRY(kernel::make_mount(file_system), fmt::format("'/{}'", name));
    Fd folder = TRY(open_own_folder(root, name));
    TRY(kernel::attach_mount(mount.get(), folder.get()), fmt::format("'/{}'", name));
    return mount;
}

Result<> make_folder_at(int folder, const char* name, unsigned mode = 0755)
{
    if (::mkdirat(folder, name, mode)) return sys_error("cannot make folder '{}'", name);
    return {};
}

Result<> make_link_at(int folder, const char* name, const std::string& target)
{
    if (::symlinkat(target.c_str(), folder, name)) return sys_error("cannot make link '{}'", name);
    return {};
}

Result<> write_file_at(int folder, const std::string& name, std::string_view content, unsigned mode)
{
    Fd file = TRY(open_at(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    return write_all(file.get(), content);
}

struct UsualDevice {
    const char* name;
    unsigned major_number, minor_number;
};

// Where mknod(2) is not allowed: a device policy, a container as the host.
Result<> bind_device(int folder, const std::string& name, const std::string& source)
{
    TRY(write_file_at(folder, name, "", 0666));
    Fd target = TRY(open_at(folder, name, O_PATH | O_NOFOLLOW));
    Fd node = TRY(kernel::open_source(source, O_PATH));
    Fd bind = TRY(kernel::clone_mount(node.get(), Subtree::Alone));
    return kernel::attach_mount(bind.get(), target.get());
}

Result<> make_device(int dev, const UsualDevice& device)
{
    if (!::mknodat(dev, device.name, S_IFCHR | 0666, makedev(device.major_number, device.minor_number))) return {};
    if (errno != EPERM) return sys_error("cannot make '/dev/{}'", device.name);
    return bind_device(dev, device.name, fmt::format("/dev/{}", device.name));
}

Result<> attach_device(const Plan& plan, int dev, const Device& device)
{
    const std::string path = device.path.substr(5);  // behind "/dev/"
    size_t slash = path.rfind('/');
    Fd folder = TRY(kernel::make_folder_in_root(dev, slash == path.npos ? "" : path.substr(0, slash), Links::Refuse));
    const std::string name = path.substr(slash == path.npos ? 0 : slash + 1);
    auto made = make_device_node(plan, folder.get(), name, device);
    if (made || made.error().sys_errno == EEXIST) return {};  // one of the usual ones
    if (made.error().sys_errno != EPERM) return made;
    return bind_device(folder.get(), name, device.path);
}

Result<> attach_dev(const FoldersInput& input)
{
    constexpr unsigned memory = 1, tty = 5;  // majors, Documentation/admin-guide/devices.txt
    Fd dev = TRY(attach_new(input.root, "dev", tmpfs(input.plan, "0755", "4m", "64k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME)));
    for (const UsualDevice& device : {UsualDevice{"null", memory, 3},
                                      {"zero", memory, 5},
                                      {"full", memory, 7},
                                      {"random", memory, 8},
                                      {"urandom", memory, 9},
                                      {"tty", tty, 0}})
        TRY(make_device(dev.get(), device));
    for (auto [name, target] : {std::pair("fd", "/proc/self/fd"),
                                {"stdin", "/proc/self/fd/0"},
                                {"stdout", "/proc/self/fd/1"},
                                {"stderr", "/proc/self/fd/2"},
                                {"core", "/proc/kcore"},
                                {"ptmx", "pts/ptmx"}})
        TRY(make_link_at(dev.get(), name, target));
    for (const char* name : {"pts", "mqueue", "shm"}) TRY(make_folder_at(dev.get(), name));
    for (const Device& device : input.plan.devices)
        TRY(attach_device(input.plan, dev.get(), device), fmt::format("device '{}'", printable(device.path)));
    if (input.console) TRY(write_file_at(dev.get(), "console", "", 0620));
    TRY(attach_new(input.root, "dev/shm", tmpfs(input.plan, "1777", "10%", "400k", kernel::no_suid_dev | MOUNT_ATTR_STRICTATIME)));
    return {};
}

Result<Fd> bind_notify_socket(int run_host)
{
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return sys_error("cannot make the notify socket");
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = kernel::path_of_descriptor(run_host) + "/notify";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address)) return sys_error("cannot bind the notify socket");
    int on = 1;
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) return sys_error("cannot ask for senders of notify messages");
    // Any user of the machine may write; who is heard, its first process alone, the supervisor decides.
    if (::fchmodat(run_host, "notify", 0666, 0)) return sys_error("cannot open the notify socket to the machine");
    return socket;
}

// ramfs is never swapped out; it has no limits, but its content is written here alone and read-only inside.
Result<> attach_credentials(const FoldersInput& input)
{
    Fd ramfs = TRY(kernel::make_mount({.type = "ramfs", .options = {{"mode", "0500"}}, .attributes = kernel::no_suid_dev_exec}));
    for (auto& [name, content] : input.credentials)
        TRY(write_file_at(ramfs.get(), name, content, 0400), fmt::format("credential '{}'", name));
    if (::fchownat(ramfs.get(), "", input.plan.ids.base, input.plan.ids.base, AT_EMPTY_PATH))
        return sys_error("cannot give away the credentials");
    TRY(kernel::change_mount(ramfs.get(), {.attributes = MOUNT_ATTR_RDONLY}));
    Fd target = TRY(kernel::open_in_root(input.root, "run/host/credentials", O_PATH | O_DIRECTORY, Links::Refuse));
    return kernel::attach_mount(ramfs.get(), target.get());
}

// What stands in for what must not be seen, as the container interface names it; systemd in the machine uses these for its own units.
Result<> make_inaccessible(int run_host)
{
    TRY(make_folder_at(run_host, "inaccessible"));
    Fd folder = TRY(open_at(run_host, "inaccessible", O_PATH | O_DIRECTORY));
    TRY(write_file_at(folder.get(), "reg", "", 0000));
    TRY(make_folder_at(folder.get(), "dir", 0000));
    if (::mkfifoat(folder.get(), "fifo", 0000) || ::mknodat(folder.get(), "sock", S_IFSOCK, 0))
        return sys_error("cannot make '/run/host/inaccessible'");
    return {};
}

Result<> write_host_files(const Plan& plan, int run_host)
{
    for (auto& file : plan.host_files) {
        if (file.kind == File::Kind::Symlink) TRY(make_link_at(run_host, file.path.c_str(), file.content));
        else TRY(write_file_at(run_host, file.path, file.content, 0444), fmt::format("'/run/host/{}'", file.path));
    }
    return {};
}

// /run/host is the manager's side of the machine: filled, then read-only for good.
Result<Fd> attach_run(const FoldersInput& input)
{
    Fd run = TRY(attach_new(input.root, "run", tmpfs(input.plan, "0755", "20%", "800k", kernel::no_suid_dev | MOUNT_ATTR_STRICTATIME)));
    TRY(make_folder_at(run.get(), "host"));
    Fd host = TRY(attach_new(input.root, "run/host", tmpfs(input.plan, "0755", "4m", "1k", kernel::no_suid_dev_exec)));
    TRY(write_host_files(input.plan, host.get()));
    TRY(make_inaccessible(host.get()));
    Fd notify = TRY(bind_notify_socket(host.get()));
    if (!input.credentials.empty()) TRY(make_folder_at(host.get(), "credentials"));
    for (const char* name : {"proc", "sys"})
        if (input.plan.uncovered_kernel_files) TRY(make_folder_at(host.get(), name));
    TRY(kernel::change_mount(host.get(), {.attributes = MOUNT_ATTR_RDONLY}));
    if (!input.credentials.empty()) TRY(attach_credentials(input), "credentials");
    return notify;
}

}  // namespace

Result<Fd> attach_folders(const FoldersInput& input)
{
    TRY(open_own_folder(input.root, "proc"));
    TRY(open_own_folder(input.root, "sys"));
    TRY(attach_dev(input));
    Fd notify = TRY(attach_run(input));
    TRY(attach_new(input.root, "tmp", tmpfs(input.plan, "1777", "10%", "1m", kernel::no_suid_dev | MOUNT_ATTR_STRICTATIME)));
    return notify;
}

}  // namespace holm::rootfs
