#include "rootfs/file_status.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace holm::rootfs {

Result<FileStatus> observe_status(int file)
{
    struct statx status;
    if (statx(file, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MODE | STATX_INO | STATX_MNT_ID, &status))
        return sys_error("cannot look at an open file");
    return FileStatus{{makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino}, status.stx_mnt_id, status.stx_mode};
}

}  // namespace holm::rootfs
