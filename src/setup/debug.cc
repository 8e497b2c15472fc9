#include "setup/debug.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/handle.h"
#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/path.h"

namespace holm::setup {

namespace {

using kernel::Subtree;
using Listing = Handle<DIR, closedir>;

constexpr const char* stage = "/run/holm";  // covered by the tmpfs that becomes the root
// Of the root itself, not of the tools'.
constexpr auto own_folders = std::to_array<std::string_view>({"proc", "sys", "dev", "tmp", "machine"});

// What is mounted in the machine, as a copy that is attached nowhere.
Result<Fd> take_machine(int leader)
{
    Fd home = TRY(open_file("/proc/self/ns/mnt", O_RDONLY));
    TRY(kernel::join_namespaces(leader, CLONE_NEWNS));
    Fd root = TRY(open_file("/", O_PATH | O_DIRECTORY));
    auto tree = kernel::clone_mount(root.get(), Subtree::WithMountsBelow);
    if (::setns(home.get(), CLONE_NEWNS)) return sys_error("cannot come back from the machine's mounts");
    return tree;
}

Result<> attach_at(int root, const std::string& name, int mount)
{
    if (::mkdirat(root, name.c_str(), 0755) && errno != EEXIST) return sys_error("cannot make '/{}'", printable(name));
    Fd target = TRY(open_at(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return kernel::attach_mount(mount, target.get());
}

Result<> copy_link(int tools, int root, const char* name)
{
    std::array<char, PATH_MAX> target{};
    if (::readlinkat(tools, name, target.data(), target.size() - 1) < 0 || ::symlinkat(target.data(), root, name))
        return sys_error("cannot copy link '/{}'", printable(name));
    return {};
}

// One folder or link of the top of the tools' root; files there are no tools.
Result<> add_entry(int tools, int root, const char* name)
{
    struct stat status;
    if (::fstatat(tools, name, &status, AT_SYMLINK_NOFOLLOW)) return sys_error("cannot look at '/{}'", printable(name));
    if (S_ISLNK(status.st_mode)) return copy_link(tools, root, name);
    if (!S_ISDIR(status.st_mode)) return {};
    Fd folder = TRY(open_at(tools, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    Fd tree = TRY(kernel::clone_mount(folder.get(), Subtree::WithMountsBelow));
    TRY(kernel::change_mount(tree.get(), {.attributes = MOUNT_ATTR_RDONLY, .make_private = true, .subtree = Subtree::WithMountsBelow}));
    return attach_at(root, name, tree.get());
}

Result<> add_tools(const std::string& path, int root)
{
    Fd tools = TRY(kernel::open_source(path, O_RDONLY | O_DIRECTORY), "root of the tools");
    Fd own = TRY(open_at(tools.get(), ".", O_RDONLY | O_DIRECTORY));
    Listing listing(::fdopendir(own.get()));
    if (!listing) return sys_error("cannot list '{}'", printable(path));
    own.release();
    while (const dirent* entry = ::readdir(listing.get())) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == ".." || std::ranges::find(own_folders, name) != own_folders.end()) continue;
        TRY(add_entry(tools.get(), root, entry->d_name), fmt::format("'{}' of the tools", printable(name)));
    }
    return {};
}

Result<Fd> make_root()
{
    Fd memory = TRY(kernel::make_mount({.type = "tmpfs", .options = {{"mode", "0755"}}, .attributes = MOUNT_ATTR_NODEV}));
    Fd target = TRY(open_file(stage, O_PATH | O_DIRECTORY));
    TRY(kernel::attach_mount(memory.get(), target.get()));
    return open_file(stage, O_PATH | O_DIRECTORY);
}

Result<> mount_at(int root, const std::string& name, const kernel::FileSystem& file_system)
{
    Fd mount = TRY(kernel::make_mount(file_system), name);
    return attach_at(root, name, mount.get());
}

}  // namespace

Result<Fd> prepare_tools(const Tools& tools)
{
    Fd machine = TRY(take_machine(tools.leader), "tree of the machine");
    TRY(kernel::unshare_namespaces(CLONE_NEWNS));
    TRY(kernel::make_mounts_slave());
    Fd dev = TRY(open_file("/dev", O_PATH | O_DIRECTORY));
    Fd devices = TRY(kernel::clone_mount(dev.get(), Subtree::WithMountsBelow));
    Fd root = TRY(make_root());
    TRY(add_tools(tools.path, root.get()));
    TRY(kernel::change_mount(machine.get(), {.attributes = 0, .make_private = true, .subtree = Subtree::WithMountsBelow}));
    TRY(attach_at(root.get(), "machine", machine.get()), "tree of the machine");
    TRY(attach_at(root.get(), "dev", devices.get()));
    TRY(mount_at(root.get(), "tmp", {.type = "tmpfs", .options = {{"mode", "1777"}}, .attributes = kernel::no_suid_dev}));
    int flags = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (tools.own_network) flags |= CLONE_NEWNET;
    if (tools.own_time) flags |= CLONE_NEWTIME;
    TRY(kernel::join_namespaces(tools.leader, flags));
    return root;
}

Result<> enter_tools(int root)
{
    TRY(mount_at(root, "proc", {.type = "proc", .options = {}, .attributes = kernel::no_suid_dev_exec}));
    TRY(mount_at(root, "sys", {.type = "sysfs", .options = {}, .attributes = kernel::no_suid_dev_exec | MOUNT_ATTR_RDONLY}));
    if (::fchdir(root)) return sys_error("cannot enter the tools' root");
    if (::syscall(SYS_pivot_root, ".", ".")) return sys_error("cannot change the root");
    if (::umount2(".", MNT_DETACH)) return sys_error("cannot leave the host's root");
    if (::chdir("/")) return sys_error("cannot enter the tools' root");
    return {};
}

}  // namespace holm::setup
