#include "kernel/project_quota.h"

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/mount.h"

namespace holm::kernel {

namespace {

// From Linux 5.14 on; the call of a path needs the device of the file system. x86-64 and arm64 have the same number.
#ifndef SYS_quotactl_fd
constexpr long SYS_quotactl_fd = 443;
#endif

constexpr uint64_t block_size = 512;  // of XFS's limits
constexpr unsigned draws = 16;        // of a number that is taken

// XFS's calls work on ext4 as well.
int quota_call(int folder, int command, uint32_t project, fs_disk_quota& quota)
{
    return static_cast<int>(::syscall(SYS_quotactl_fd, folder, QCMD(command, PRJQUOTA), project, &quota));
}

Error unsupported(int folder)
{
    return error(Errc::NotSupported,
                 "its file system ({}) has no project quotas: on xfs mount it with the option prjquota; on ext4 run 'tune2fs -O "
                 "project,quota' while it is not mounted, and mount it with prjquota",
                 file_system_name(folder));
}

// Whether nobody has the number: a project without limits and without files is not known to the file system.
Result<bool> is_free(int folder, uint32_t project)
{
    fs_disk_quota quota{};
    if (quota_call(folder, Q_XGETQUOTA, project, quota) == 0)
        return quota.d_bcount == 0 && quota.d_icount == 0 && quota.d_blk_hardlimit == 0 && quota.d_ino_hardlimit == 0;
    if (errno == ENOENT) return true;
    if (errno == ESRCH || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOTTY) return unsupported(folder);
    return sys_error("cannot read a quota");
}

}  // namespace

Result<uint32_t> draw_project(int folder)
{
    for (unsigned draw = 0; draw < draws; ++draw) {
        uint32_t number = 0;
        if (::getrandom(&number, sizeof number, 0) != sizeof number) return sys_error("cannot draw a number");
        number = number >> 1 | 0x4000'0000;  // above what admins give by hand in /etc/projid
        if (TRY(is_free(folder, number))) return number;
    }
    return error(Errc::Failed, "no number of a project is free");
}

Result<> limit_project(int folder, uint32_t project, uint64_t bytes)
{
    fs_disk_quota quota{};
    quota.d_version = FS_DQUOT_VERSION;
    quota.d_flags = FS_PROJ_QUOTA;
    quota.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT;
    quota.d_id = project;
    quota.d_blk_hardlimit = quota.d_blk_softlimit = (bytes + block_size - 1) / block_size;
    return quota_call(folder, Q_XSETQLIM, project, quota) ? Result<>(sys_error("cannot set a quota")) : Result<>();
}

Result<uint32_t> project_of(int file)
{
    fsxattr attributes{};
    if (::ioctl(file, FS_IOC_FSGETXATTR, &attributes)) return unsupported(file);
    return attributes.fsx_projid;
}

Result<> set_project(int file, uint32_t project)
{
    fsxattr attributes{};
    struct stat status;
    if (::fstat(file, &status) || ::ioctl(file, FS_IOC_FSGETXATTR, &attributes)) return unsupported(file);
    attributes.fsx_projid = project;
    if (S_ISDIR(status.st_mode)) attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    if (::ioctl(file, FS_IOC_FSSETXATTR, &attributes))
        return errno == EOPNOTSUPP || errno == ENOTTY ? unsupported(file) : sys_error("cannot set the project of a file");
    return {};
}

Result<uint32_t> limit_folder(int folder, uint64_t bytes)
{
    const uint32_t project = TRY(draw_project(folder));
    TRY(set_project(folder, project));
    TRY(limit_project(folder, project, bytes));
    return project;
}

Result<uint64_t> used_by_project(int folder, uint32_t project)
{
    fs_disk_quota quota{};
    if (quota_call(folder, Q_XGETQUOTA, project, quota))
        return errno == ENOENT ? Result<uint64_t>(0) : Result<uint64_t>(unsupported(folder));
    return quota.d_bcount * block_size;
}

void forget_project(int folder, uint32_t project)
{
    std::ignore = limit_project(folder, project, 0);
}

}  // namespace holm::kernel
