#include "daemon/live_root.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <tuple>

#include "base/text.h"
#include "daemon/planner.h"
#include "kernel/message.h"
#include "kernel/namespace.h"
#include "kernel/process.h"
#include "rootfs/live_mount.h"

namespace holm::daemon {

using rootfs::Mount;

namespace {

// Joining a machine takes a process of its own: this one goes on.
Result<> in_own_process(const std::function<Result<>()>& act)
{
    auto sockets = TRY(make_socket_pair());
    kernel::Child child = TRY(kernel::clone_process(0));
    if (child.pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        auto done = act();
        std::ignore = kernel::send_message(sockets.second.get(), done ? kernel::Message("ok") : kernel::error_message(done.error()));
        ::_exit(0);
    }
    sockets.second.reset();
    auto answer = kernel::receive_message(sockets.first.get());
    TRY(kernel::wait_exit(child.pidfd.get()));
    if (!answer) return answer.error();
    return answer->kind == "ok" ? Result<>() : Result<>(kernel::error_of(*answer));
}

}  // namespace

Result<> attach_mount(const Leader& leader, launch::Plan& now, const Mount& mount)
{
    struct stat status;
    if (mount.user) return error(Errc::NotSupported, "{}: its owner holds from the next start on", mount.key);
    if (mount.optional && ::stat(mount.source.c_str(), &status)) return {};
    auto join_and_mount = [&]() -> Result<> {
        Fd process = TRY(leader.open());
        Fd users;
        if (now.rootfs.ids.has_namespace()) users = TRY(kernel::open_user_namespace(leader.pid));
        TRY(kernel::signal_process(process.get(), 0), "its payload has just ended");
        return rootfs::attach_live({.plan = now.rootfs,
                                    .leader = process.get(),
                                    .user_namespace = users.get(),
                                    .source = mount.source,
                                    .target = mount.target,
                                    .read_only = mount.read_only,
                                    .nosuid = mount.nosuid,
                                    .nodev = mount.nodev,
                                    .noexec = mount.noexec,
                                    .recursive = mount.recursive,
                                    .id_mapped = mount.id_mapped,
                                    .make_target = true});
    };
    TRY(in_own_process(join_and_mount), fmt::format("{}: cannot mount on '{}'", mount.key, printable(mount.target)));
    now.rootfs.mounts.push_back(mount);
    return save_plan(now);
}

Result<> detach_mount(const Leader& leader, launch::Plan& now, const Mount& mount)
{
    auto gone = in_own_process([&]() -> Result<> {
        Fd process = TRY(leader.open());
        return rootfs::detach_live(process.get(), now.rootfs.ids.has_namespace(), mount.target);
    });
    if (!gone) return gone;
    std::erase(now.rootfs.mounts, mount);
    return save_plan(now);
}

Result<> add_device(const Leader& leader, launch::Plan& now, const rootfs::Device& device)
{
    auto join_and_make = [&]() -> Result<> {
        Fd process = TRY(leader.open());
        Fd users;
        if (now.rootfs.ids.has_namespace()) users = TRY(kernel::open_user_namespace(leader.pid));
        TRY(kernel::signal_process(process.get(), 0), "its payload has just ended");
        return rootfs::attach_live_device(now.rootfs, process.get(), users.get(), device);
    };
    TRY(in_own_process(join_and_make), fmt::format("device '{}'", printable(device.path)));
    now.rootfs.devices.push_back(device);
    return save_plan(now);
}

Result<> remove_device(const Leader& leader, launch::Plan& now, const rootfs::Device& device)
{
    auto gone = in_own_process([&]() -> Result<> {
        Fd process = TRY(leader.open());
        return rootfs::remove_live_device(process.get(), now.rootfs.ids.has_namespace(), device.path);
    });
    TRY(std::move(gone), fmt::format("device '{}'", printable(device.path)));
    std::erase(now.rootfs.devices, device);
    return save_plan(now);
}

}  // namespace holm::daemon
