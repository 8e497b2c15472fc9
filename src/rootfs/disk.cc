#include "rootfs/disk.h"

#include <fcntl.h>

#include <algorithm>

#include "base/text.h"
#include "kernel/loop_device.h"
#include "kernel/mount.h"
#include "kernel/path.h"

namespace holm::rootfs {

const Disk* find_disk(std::span<const Disk> disks, const std::string& path)
{
    auto found = std::ranges::find(disks, path, &Disk::path);
    return found == disks.end() ? nullptr : &*found;
}

Result<Fd> mount_disk(int file, const Disk& disk, uint64_t attributes)
{
    const auto access = disk.writable ? kernel::LoopAccess::ReadWrite : kernel::LoopAccess::ReadOnly;
    const kernel::LoopDevice loop = TRY(kernel::open_loop_device(file, {.begin = disk.begin, .size = disk.size, .access = access}));
    kernel::FileSystem file_system{.type = disk.type,
                                   .options = {},
                                   .attributes = attributes | MOUNT_ATTR_NODEV | (disk.writable ? 0 : uint64_t{MOUNT_ATTR_RDONLY}),
                                   .source = loop.path};
    for (const std::string& option : disk.options) {
        const size_t equals = option.find('=');
        if (equals == option.npos) file_system.options.emplace_back(option, "");
        else file_system.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    }
    return kernel::make_mount(file_system);
}

Result<Fd> open_disk(const Disk& disk)
{
    Fd file = TRY(kernel::open_source(disk.path, disk.writable ? O_RDWR : O_RDONLY));
    auto mount = mount_disk(file.get(), disk);
    if (mount || mount.error().sys_errno == ENODEV || mount.error().code == Errc::NotSupported) return mount;
    return with_context(mount.error(), fmt::format("the {} in '{}' is damaged or cut, or of a kind that this kernel cannot read", disk.type,
                                                   printable(disk.path)));
}

}  // namespace holm::rootfs
