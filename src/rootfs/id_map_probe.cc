#include "rootfs/id_map_probe.h"

#include "kernel/idmap.h"
#include "kernel/mount.h"
#include "machine/id_range.h"

namespace holm::rootfs {

Result<Fd> make_probe_namespace()
{
    const std::string map = fmt::format("0 524288 {}", machine::range_size);
    return kernel::make_id_map(map, map);
}

Result<bool> IdMapProbe::can_be_mapped(int file)
{
    Fd copy = TRY(kernel::clone_mount(file, kernel::Subtree::Alone));
    return map(copy.get());
}

Result<bool> IdMapProbe::map(int mount)
{
    if (given_ < 0 && !made_) made_ = TRY(make_probe_namespace());
    Result<> mapped = kernel::change_mount(mount, {.user_namespace = given_ < 0 ? made_.get() : given_});
    if (mapped) return true;
    // EINVAL: the file system cannot; EPERM: it is of another user namespace, or its mount is id-mapped already (mount_setattr(2)).
    if (mapped.error().sys_errno == EINVAL || mapped.error().sys_errno == EPERM) return false;
    return mapped.error();
}

}  // namespace holm::rootfs
