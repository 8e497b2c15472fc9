#include "kernel/subvolume.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <chrono>
#include <thread>

#include "base/fd.h"

namespace holm::kernel {

namespace {

constexpr uint64_t no_limit = UINT64_MAX;  // takes the limit away (btrfs_limit_qgroup())
constexpr unsigned attempts = 40;
constexpr std::chrono::milliseconds patience{50};

}  // namespace

bool is_on_btrfs(int folder)
{
    struct statfs status;
    return ::fstatfs(folder, &status) == 0 && status.f_type == BTRFS_SUPER_MAGIC;
}

Result<> make_subvolume(int folder, const std::string& name)
{
    btrfs_ioctl_vol_args arguments{};
    if (name.size() > BTRFS_PATH_NAME_MAX) return error(Errc::Invalid, "the name of a subvolume is too long");
    name.copy(arguments.name, BTRFS_PATH_NAME_MAX);
    if (::ioctl(folder, BTRFS_IOC_SUBVOL_CREATE, &arguments)) return sys_error("cannot make the subvolume '{}'", name);
    return {};
}

bool is_subvolume(int folder)
{
    struct stat status;
    return is_on_btrfs(folder) && ::fstat(folder, &status) == 0 && status.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

Result<> snapshot_subvolume(int from, int folder, const std::string& name)
{
    btrfs_ioctl_vol_args_v2 arguments{};
    if (name.size() > BTRFS_SUBVOL_NAME_MAX) return error(Errc::Invalid, "the name of a subvolume is too long");
    arguments.fd = from;
    name.copy(arguments.name, BTRFS_SUBVOL_NAME_MAX);
    if (::ioctl(folder, BTRFS_IOC_SNAP_CREATE_V2, &arguments)) return sys_error("cannot make the snapshot '{}'", name);
    return {};
}

Result<uint64_t> number_of_subvolume(int subvolume)
{
    btrfs_ioctl_ino_lookup_args arguments{};
    arguments.objectid = BTRFS_FIRST_FREE_OBJECTID;
    if (::ioctl(subvolume, BTRFS_IOC_INO_LOOKUP, &arguments)) return sys_error("cannot tell the number of a subvolume");
    return uint64_t{arguments.treeid};
}

Result<> limit_subvolume(int subvolume, uint64_t bytes)
{
    btrfs_ioctl_qgroup_limit_args arguments{};
    arguments.qgroupid = TRY(number_of_subvolume(subvolume));
    arguments.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
    arguments.lim.max_rfer = bytes != 0 ? bytes : no_limit;
    Fd above = TRY(open_at(subvolume, "..", O_RDONLY | O_DIRECTORY));  // in one that is full nothing can be done, not even this
    if (::ioctl(above.get(), BTRFS_IOC_QGROUP_LIMIT, &arguments) == 0) return {};
    if (errno == ENOTCONN || errno == EINVAL || errno == ENOENT)
        return error(Errc::NotSupported, "its file system (btrfs) keeps no quotas: 'btrfs quota enable' on it makes it keep them");
    return sys_error("cannot set the limit of a quota group");
}

void forget_quota_group(int folder, uint64_t number)
{
    btrfs_ioctl_qgroup_create_args arguments{};
    arguments.create = 0;
    arguments.qgroupid = number;
    ::ioctl(folder, BTRFS_IOC_SYNC);  // wakes who drops the subvolume's tree: until then the group is busy
    for (unsigned attempt = 0; attempt < attempts; ++attempt) {
        if (::ioctl(folder, BTRFS_IOC_QGROUP_CREATE, &arguments) == 0 || errno != EBUSY) return;
        std::this_thread::sleep_for(patience);
    }
}

}  // namespace holm::kernel
