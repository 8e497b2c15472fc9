#include "setup/locks.h"

#include "api/names.h"
#include "base/text.h"
#include "kernel/lock_file.h"
#include "rootfs/path_lock.h"

namespace holm::setup {

namespace {

Result<> send_lock(Status& status, const std::string& file, int lock)
{
    return status.send(kernel::Message("lock").add("path", file), {lock});
}

Result<> take_path_lock(const launch::Plan& plan, const std::string& path, kernel::Sharing sharing, Status& status)
{
    const std::string file = TRY(rootfs::path_lock_file(path));
    Fd lock = TRY(kernel::take_lock_file(file, plan.name.text(), fmt::format("'{}'", printable(path)), sharing));
    return send_lock(status, file, lock.get());
}

}  // namespace

Result<> take_locks(const launch::Plan& plan, Status& status)
{
    TRY(make_folders(api::locks_folder, 0700));
    for (auto& path : plan.locked_paths) TRY(take_path_lock(plan, path, kernel::Sharing::Alone, status));
    for (auto& path : plan.shared_paths) TRY(take_path_lock(plan, path, kernel::Sharing::Shared, status));
    if (plan.range_lock.empty()) return {};
    TRY(make_folders(plan.range_lock.substr(0, plan.range_lock.rfind('/'))));
    Fd lock = TRY(kernel::take_lock_file(plan.range_lock, plan.name.text(),
                                         fmt::format("the id range {} of machine '{}'", plan.rootfs.ids.base, plan.name.text())));
    return send_lock(status, plan.range_lock, lock.get());
}

}  // namespace holm::setup
