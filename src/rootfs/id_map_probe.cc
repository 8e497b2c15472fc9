#include "rootfs/id_map_probe.h"

#include "kernel/idmap.h"
#include "kernel/mount.h"
#include "machine/id_range.h"

namespace holm::rootfs {

Result<bool> IdMapProbe::can_be_mapped(int file)
{
    if (!namespace_) {
        const std::string map = fmt::format("0 524288 {}", machine::range_size);
        namespace_ = TRY(kernel::make_id_map(map, map));
    }
    Fd copy = TRY(kernel::clone_mount(file, kernel::Subtree::Alone));
    Result<> mapped = kernel::change_mount(copy.get(), {.user_namespace = namespace_.get()});
    if (mapped) return true;
    // EINVAL: the file system cannot; EPERM: it is of another user namespace, or its mount is id-mapped already (mount_setattr(2)).
    if (mapped.error().sys_errno == EINVAL || mapped.error().sys_errno == EPERM) return false;
    return mapped.error();
}

}  // namespace holm::rootfs
