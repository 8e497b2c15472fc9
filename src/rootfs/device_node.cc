#include "rootfs/device_node.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/path.h"

namespace holm::rootfs {

namespace {

Result<> give_device(const Plan& plan, int folder, const std::string& name, const Device& device)
{
    auto inside = [&](uint32_t id) { return plan.ids.base + (id < plan.ids.count ? id : 0); };
    if (::fchownat(folder, name.c_str(), inside(device.uid), inside(device.gid), AT_SYMLINK_NOFOLLOW))
        return sys_error("cannot give it to the machine");
    Fd node(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!node) return sys_error("cannot open it");
    // fchmodat(2) knows no AT_EMPTY_PATH before 6.6.
    if (::chmod(kernel::path_of_descriptor(node.get()).c_str(), device.mode)) return sys_error("cannot set its mode");
    return {};
}

}  // namespace

Result<> make_device_node(const Plan& plan, int folder, const std::string& name, const Device& device)
{
    const mode_t kind = device.block ? S_IFBLK : S_IFCHR;
    if (::mknodat(folder, name.c_str(), kind | device.mode, makedev(device.major_number, device.minor_number)))
        return sys_error("cannot make it");
    return give_device(plan, folder, name, device);
}

}  // namespace holm::rootfs
