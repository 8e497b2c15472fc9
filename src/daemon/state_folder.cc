#include "daemon/state_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tuple>

#include "api/names.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/undo.h"
#include "daemon/machine_files.h"
#include "kernel/subvolume.h"
#include "rootfs/copy_tree.h"
#include "rootfs/remove.h"

namespace holm::daemon {

namespace {

Result<Fd> open_state(int machines, const machine::MachineName& name)
{
    return open_at(machines, name.text(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

}  // namespace

Result<> provide_capped_state(const machine::MachineName& name, uint64_t bytes)
{
    Fd machines = TRY(open_file(api::state_machines_folder, O_RDONLY | O_DIRECTORY));
    Fd state = TRY(open_state(machines.get(), name));
    if (!kernel::is_on_btrfs(state.get()) || kernel::is_subvolume(state.get())) return {};
    const std::string staged = TRY(name_clone());
    TRY(kernel::make_subvolume(machines.get(), staged));
    Undo made([&] { std::ignore = rootfs::remove_tree(machines.get(), staged); });
    Fd copy = TRY(open_at(machines.get(), staged, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(kernel::limit_subvolume(copy.get(), bytes), fmt::format("the upper of machine '{}' cannot be capped", name.text()));
    TRY(kernel::limit_subvolume(copy.get(), 0));
    TRY(rootfs::copy_tree(state.get(), copy.get(), {}, {.synced = false}), fmt::format("the state of machine '{}'", name.text()));
    if (::syncfs(copy.get())) return sys_error("cannot write the state of machine '{}' to disk", name.text());
    if (::renameat2(machines.get(), staged.c_str(), machines.get(), name.text().c_str(), RENAME_EXCHANGE))
        return sys_error("cannot put the state of machine '{}' in its place", name.text());
    if (::fsync(machines.get())) return sys_error("cannot sync '{}'", api::state_machines_folder);
    return {};  // what was there before goes by its new name
}

void lift_cap(const machine::MachineName& name)
{
    auto machines = open_file(api::state_machines_folder, O_RDONLY | O_DIRECTORY);
    auto state = machines ? open_state(machines->get(), name) : Result<Fd>(machines.error());
    if (!state || !kernel::is_subvolume(state->get())) return;
    if (auto lifted = kernel::limit_subvolume(state->get(), 0); !lifted)
        log_warning("machine '{}': its cap is not lifted: {}", name.text(), lifted.error().text);
}

Result<> remove_state_folder(const machine::MachineName& name)
{
    auto machines = open_file(api::state_machines_folder, O_RDONLY | O_DIRECTORY);
    if (!machines) return machines.error().sys_errno == ENOENT ? Result<>() : Result<>(machines.error());
    uint64_t group = 0;
    if (auto state = open_at(machines->get(), name.text(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        state && kernel::is_subvolume(state->get()))
        group = kernel::number_of_subvolume(state->get()).value_or(0);
    TRY(rootfs::remove_tree(machines->get(), name.text()));
    if (group != 0) kernel::forget_quota_group(machines->get(), group);
    return {};
}

}  // namespace holm::daemon
