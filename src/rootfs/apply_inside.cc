#include "rootfs/apply_inside.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "rootfs/apply_layers.h"

namespace holm::rootfs {

namespace {

using kernel::Links;

Result<Fd> attach_in(int root, const char* target, const kernel::FileSystem& file_system)
{
    Fd mount = TRY(kernel::make_mount(file_system), fmt::format("'/{}'", target));
    Fd folder = TRY(kernel::open_in_root(root, target, O_PATH | O_DIRECTORY, Links::Refuse));
    TRY(kernel::attach_mount(mount.get(), folder.get()), fmt::format("'/{}'", target));
    return mount;
}

// The bind of the root over itself is not locked in its place as the copy is: pivot_root(2) refuses a locked one. Its flags stay locked.
Result<Fd> open_top_of_root()
{
    if (::chdir(staged_root)) return sys_error("cannot enter the machine's root");
    if (::mount(".", ".", nullptr, MS_BIND | MS_REC, nullptr)) return sys_error("cannot bind the machine's root over itself");
    if (::chdir(staged_root)) return sys_error("cannot enter the machine's root");
    return open_file(".", O_PATH | O_DIRECTORY);
}

// Where a file is to stand: the folder, made where missing, and its name there.
struct Spot {
    Fd folder;
    std::string name;
};

Result<Spot> open_spot(int root, const File& file, bool make)
{
    const size_t slash = file.path.rfind('/');
    const std::string folder = file.path.substr(0, slash == std::string::npos ? 0 : slash);
    Spot spot{.folder = {}, .name = file.path.substr(slash + 1)};
    if (make) spot.folder = TRY(kernel::make_folder_in_root(root, folder, Links::Refuse));
    else spot.folder = TRY(kernel::open_in_root(root, folder, O_PATH | O_DIRECTORY, Links::Refuse));
    return spot;
}

Result<> write_one(int root, const File& file)
{
    const Spot spot = TRY(open_spot(root, file, true));
    if (file.kind == File::Kind::Anew && ::unlinkat(spot.folder.get(), spot.name.c_str(), 0) && errno != ENOENT)
        return sys_error("cannot replace it");
    int flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
    if (file.kind == File::Kind::IfMissing) flags |= O_EXCL;
    auto made = kernel::open_in_root(spot.folder.get(), spot.name, flags, Links::Refuse, 0644);
    if (!made && made.error().sys_errno == EEXIST) return {};
    Fd fd = TRY(std::move(made));
    struct stat status;
    if (::fstat(fd.get(), &status) || !S_ISREG(status.st_mode)) return error(Errc::Invalid, "is not a regular file");
    if (::ftruncate(fd.get(), 0)) return sys_error("cannot empty it");
    return write_all(fd.get(), file.content);
}

Result<> link_one(int root, const File& file)
{
    const Spot spot = TRY(open_spot(root, file, true));
    std::string old(file.content.size() + 1, '\0');
    ssize_t size = ::readlinkat(spot.folder.get(), spot.name.c_str(), old.data(), old.size());
    if (size >= 0 && std::string_view(old).substr(0, static_cast<size_t>(size)) == file.content) return {};
    if (::unlinkat(spot.folder.get(), spot.name.c_str(), 0) && errno != ENOENT) return sys_error("cannot replace it");
    if (::symlinkat(file.content.c_str(), spot.folder.get(), spot.name.c_str())) return sys_error("cannot make the link");
    return {};
}

Result<> remove_one(int root, const File& file)
{
    auto spot = open_spot(root, file, false);
    if (!spot && spot.error().sys_errno == ENOENT) return {};
    if (!spot) return spot.error();
    if (::unlinkat(spot->folder.get(), spot->name.c_str(), 0) && errno != ENOENT) return sys_error("cannot remove it");
    return {};
}

Result<> put_one(int root, const File& file)
{
    switch (file.kind) {
    case File::Kind::Replace:
    case File::Kind::Anew:
    case File::Kind::IfMissing: return write_one(root, file);
    case File::Kind::Symlink: return link_one(root, file);
    case File::Kind::Remove: break;
    }
    return remove_one(root, file);
}

Result<> pivot(int root)
{
    if (::fchdir(root)) return sys_error("cannot enter the machine's root");
    if (::syscall(SYS_pivot_root, ".", ".")) return sys_error("cannot change the root");
    // The old root now lies over the new one (pivot_root(2), "pivot_root(".", ".")").
    if (::umount2(".", MNT_DETACH)) return sys_error("cannot leave the host's root");
    if (::chdir("/")) return sys_error("cannot enter the machine's root");
    return {};
}

}  // namespace

Result<Inside> mount_inside(const Plan& plan)
{
    Inside inside;
    TRY(kernel::unshare_namespaces(CLONE_NEWNS), "mount namespace");
    inside.root = TRY(open_top_of_root());
    int root = inside.root.get();
    TRY(attach_in(root, "sys/fs/cgroup", {.type = "cgroup2", .options = {}, .attributes = kernel::no_suid_dev_exec}));
    kernel::FileSystem terminals{.type = "devpts",
                                 .options = {{"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},  // gid 5: "tty" of every distribution
                                 .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    if (!plan.context.empty()) terminals.options.emplace_back("context", plan.context);
    inside.devpts = TRY(attach_in(root, "dev/pts", terminals));
    TRY(attach_in(root, "dev/mqueue", {.type = "mqueue", .options = {}, .attributes = kernel::no_suid_dev_exec}));
    return inside;
}

Result<> change_root(const Inside& inside)
{
    return pivot(inside.root.get());
}

Result<Fd> take_runtime_root()
{
    Fd staged = TRY(open_file(staged_runtime, O_PATH | O_DIRECTORY));
    return kernel::clone_mount(staged.get(), kernel::Subtree::WithMountsBelow);
}

Result<> enter_runtime_root(int root)
{
    TRY(kernel::unshare_namespaces(CLONE_NEWNS), "mount namespace");
    Fd machine = TRY(open_file("/", O_PATH | O_DIRECTORY));
    TRY(kernel::attach_mount(root, machine.get()));
    return pivot(root);
}

std::vector<std::string> write_files(int root, const std::vector<File>& files)
{
    std::vector<std::string> warnings;
    for (auto& file : files) {
        auto done = put_one(root, file);
        if (!done) warnings.push_back(fmt::format("'{}' of the machine is left as it is: {}", printable(file.path), done.error().text));
    }
    return warnings;
}

}  // namespace holm::rootfs
