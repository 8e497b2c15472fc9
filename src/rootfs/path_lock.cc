#include "rootfs/path_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "api/names.h"
#include "base/text.h"
#include "kernel/path.h"

namespace holm::rootfs {

Result<std::string> path_lock_file(const std::string& path)
{
    Fd folder = TRY(kernel::open_source(path, O_PATH));
    struct stat status;
    if (::fstat(folder.get(), &status)) return sys_error("cannot look at '{}'", printable(path));
    return fmt::format("{}/{}:{}:{}", api::locks_folder, major(status.st_dev), minor(status.st_dev), status.st_ino);
}

Result<PathLock> PathLock::take(const std::string& path, std::string_view holder)
{
    TRY(make_folders(api::locks_folder, 0700));
    std::string file = TRY(path_lock_file(path));
    Fd lock = TRY(kernel::take_lock_file(file, holder, fmt::format("'{}'", printable(path))));
    return PathLock(std::move(file), std::move(lock));
}

PathLock::~PathLock()
{
    if (lock_) kernel::remove_lock_file(file_, lock_.get());
}

}  // namespace holm::rootfs
