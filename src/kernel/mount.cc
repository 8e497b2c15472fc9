#include "kernel/mount.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "kernel/capability.h"

namespace holm::kernel {

namespace {

// What the kernel logged on a file system context: lines "e text", "w text", "i text" (fsopen(2)).
Error mount_error(int context, std::string_view what, std::string_view type)
{
    int number = errno;
    std::string hint;
    std::array<char, 512> line{};
    for (ssize_t size; hint.size() < 1024 && (size = ::read(context, line.data(), line.size())) > 2;)
        hint += fmt::format("; {}", printable(trim({line.data() + 2, static_cast<size_t>(size) - 2})));
    Error error = errno_error(number, "cannot {} {}", what, type);
    error.text += hint;
    return error;
}

Result<> configure(int context, const FileSystem& file_system)
{
    for (auto& [key, value] : file_system.options) {
        unsigned command = value.empty() ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
        if (::fsconfig(context, command, key.c_str(), value.empty() ? nullptr : value.c_str(), 0))
            return mount_error(context, fmt::format("set option '{}={}' of", key, printable(value)), file_system.type);
    }
    return {};
}

constexpr std::pair<uint64_t, const char*> names[] = {
    {EXT4_SUPER_MAGIC, "ext4"},
    {XFS_SUPER_MAGIC, "xfs"},
    {BTRFS_SUPER_MAGIC, "btrfs"},
    {TMPFS_MAGIC, "tmpfs"},
    {OVERLAYFS_SUPER_MAGIC, "overlay"},
    {NFS_SUPER_MAGIC, "nfs"},
    {CIFS_SUPER_MAGIC, "cifs"},
    {FUSE_SUPER_MAGIC, "fuse"},
    {SQUASHFS_MAGIC, "squashfs"},
    {EROFS_SUPER_MAGIC_V1, "erofs"},
    {MSDOS_SUPER_MAGIC, "vfat"},
    {F2FS_SUPER_MAGIC, "f2fs"},
    {0x2fc12fc1, "zfs"},
    {PROC_SUPER_MAGIC, "proc"},
    {SYSFS_MAGIC, "sysfs"},
    {V9FS_MAGIC, "9p"},
    {RAMFS_MAGIC, "ramfs"},
    {HUGETLBFS_MAGIC, "hugetlbfs"},
    {CGROUP2_SUPER_MAGIC, "cgroup2"},
    {DEVPTS_SUPER_MAGIC, "devpts"},
    {ISOFS_SUPER_MAGIC, "iso9660"},
    {EXFAT_SUPER_MAGIC, "exfat"},
    {SMB2_SUPER_MAGIC, "cifs"},
    {CEPH_SUPER_MAGIC, "ceph"},
    {ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
};

}  // namespace

Result<Fd> make_mount(const FileSystem& file_system)
{
    Fd context(::fsopen(file_system.type.c_str(), FSOPEN_CLOEXEC));
    if (!context) return sys_error("cannot mount {}", file_system.type);
    const std::string& source = file_system.source.empty() ? file_system.type : file_system.source;  // else df(1) shows "none"
    if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", source.c_str(), 0))
        return mount_error(context.get(), "name", file_system.type);
    TRY(configure(context.get(), file_system));
    if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0)) return mount_error(context.get(), "mount", file_system.type);
    Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(file_system.attributes)));
    if (!mount) return mount_error(context.get(), "mount", file_system.type);
    return mount;
}

Result<Fd> clone_mount(int file, Subtree subtree)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    if (subtree == Subtree::WithMountsBelow) flags |= AT_RECURSIVE;
    Fd tree(::open_tree(file, "", flags));
    if (!tree) return sys_error("cannot make a bind mount");
    return tree;
}

Result<> change_mount(int mount, const MountChange& change)
{
    mount_attr attributes{};
    attributes.attr_set = change.attributes;
    if (change.user_namespace >= 0) {
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
        attributes.userns_fd = static_cast<uint64_t>(change.user_namespace);
    }
    if (change.make_private) attributes.propagation = MS_PRIVATE;
    unsigned flags = AT_EMPTY_PATH | (change.subtree == Subtree::WithMountsBelow ? AT_RECURSIVE : 0u);
    if (::mount_setattr(mount, "", flags, &attributes, sizeof attributes)) return sys_error("cannot change a mount");
    return {};
}

Result<> attach_mount(int mount, int target)
{
    if (!::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)) return {};
    const int number = errno;
    struct stat what, where;
    if (number == EINVAL && ::fstat(mount, &what) == 0 && ::fstat(target, &where) == 0 && S_ISDIR(what.st_mode) != S_ISDIR(where.st_mode))
        return S_ISDIR(where.st_mode) ? error(Errc::Invalid, "a file cannot be mounted on a folder: name the file to mount it on")
                                      : error(Errc::Invalid, "a folder cannot be mounted on a file: name a folder to mount it on");
    return errno_error(number, "cannot attach a mount");
}

Result<> mount_overlay(const std::string& target, const std::string& options, unsigned long flags)
{
    // Overlayfs writes to its upper with the capabilities of who mounts it: with this one beyond every quota, and to the blocks that ext4
    // keeps for root.
    const CapabilitySets own = TRY(get_capabilities());
    CapabilitySets without = own;
    without.effective &= ~(uint64_t{1} << CAP_SYS_RESOURCE);
    TRY(set_capabilities(without));
    auto mounted =
        ::mount("overlay", target.c_str(), "overlay", flags, options.c_str()) ? Result<>(sys_error("cannot mount overlay")) : Result<>();
    TRY(set_capabilities(own));
    return mounted;
}

Result<> make_mounts_slave()
{
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr)) return sys_error("cannot make the mounts slaves of the host's");
    return {};
}

Result<bool> is_read_only(int file)
{
    struct statvfs status;
    if (::fstatvfs(file, &status)) return sys_error("cannot look at a file system");
    return (status.f_flag & ST_RDONLY) != 0;
}

Result<uint64_t> file_system_magic(int file)
{
    struct statfs status;
    if (::fstatfs(file, &status)) return sys_error("cannot look at a file system");
    return static_cast<uint32_t>(status.f_type);
}

std::string file_system_name(int file)
{
    auto magic = file_system_magic(file);
    if (!magic) return "unknown";
    for (auto& [number, name] : names)
        if (number == *magic) return name;
    return fmt::format("{:#x}", *magic);
}

}  // namespace holm::kernel
