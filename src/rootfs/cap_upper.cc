#include "rootfs/cap_upper.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/project_quota.h"
#include "kernel/subvolume.h"
#include "rootfs/descent.h"

namespace holm::rootfs {

namespace {

Result<> count_folder(int folder, uint32_t project)
{
    Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
    return kernel::set_project(own.get(), project);
}

// Links, devices and the like have no content, and no way to be told.
Result<> count_file(int folder, const std::string& name, uint32_t project)
{
    Fd file = TRY(open_at(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    return kernel::set_project(file.get(), project);
}

// A folder after what is in it: where this was cut off, the top shows it.
Result<> count_tree(int top, uint32_t project)
{
    std::vector<Fd> tops;
    tops.push_back(TRY(kernel::clone_mount(top, kernel::Subtree::Alone)));
    Descent descent(std::move(tops));
    std::vector<std::vector<std::string>> pending = {TRY(list_names(descent.here(0)))};
    for (;;) {
        if (pending.back().empty()) {
            TRY(count_folder(descent.here(0), project));
            pending.pop_back();
            if (pending.empty()) return {};
            TRY(descent.leave());
            continue;
        }
        const std::string name = std::move(pending.back().back());
        pending.back().pop_back();
        struct stat status;
        if (::fstatat(descent.here(0), name.c_str(), &status, AT_SYMLINK_NOFOLLOW))
            return sys_error("cannot look at '{}/{}'", printable(descent.path()), printable(name));
        if (S_ISREG(status.st_mode)) TRY(count_file(descent.here(0), name, project));
        if (!S_ISDIR(status.st_mode)) continue;
        TRY(descent.enter(name, {true}));
        pending.push_back(TRY(list_names(descent.here(0))));
    }
}

// A quota group bounds a subvolume. One that keeps no quotas has no limit of before to take away.
Result<> cap_subvolume(int above, uint64_t bytes)
{
    if (!kernel::is_subvolume(above))
        return bytes == 0 ? Result<>() : error(Errc::NotSupported, "it does not lie in a subvolume of its own");
    auto limited = kernel::limit_subvolume(above, bytes);
    return bytes == 0 ? Result<>() : limited;
}

}  // namespace

Result<> cap_upper(const CappedUpper& place, uint64_t bytes)
{
    if (kernel::is_on_btrfs(place.above)) return cap_subvolume(place.above, bytes);
    const auto counted = kernel::project_of(place.upper), beside = kernel::project_of(place.work), above = kernel::project_of(place.above);
    // A project of the folder above is somebody else's: of an administrator, or of a volume.
    const bool own = counted && above && *counted != 0 && *counted != *above;
    if (bytes == 0) {
        if (own) kernel::forget_project(place.upper, *counted);
        return {};
    }
    uint32_t project = TRY(counted);
    if (!own || project != TRY(beside)) {  // a snapshot has left an upper that is new, beside the work of the old
        project = TRY(kernel::draw_project(place.upper));
        TRY(count_tree(place.work, project));
        TRY(count_tree(place.upper, project));
    }
    return kernel::limit_project(place.upper, project, bytes);
}

}  // namespace holm::rootfs
