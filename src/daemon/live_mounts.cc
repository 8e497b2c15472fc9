#include "daemon/live_mounts.h"

#include "base/text.h"
#include "daemon/inside.h"
#include "kernel/namespace.h"
#include "kernel/process.h"
#include "rootfs/live_mount.h"

namespace holm::daemon {

namespace {

// Without a plan nothing is known of its ids: an old holmd's machine, whose file is gone.
Result<rootfs::Plan> plan_of(const MachineEntry& machine)
{
    if (machine.plan && !machine.plan->security.runtime.empty())
        return error(Errc::NotSupported,
                     "machine '{}' runs in a sandbox, whose mounts are those that it was started with: write a [[mount]]",
                     machine.name.text());
    if (machine.plan) return machine.plan->rootfs;
    return error(Errc::Busy, "the plan of machine '{}' is not there", machine.name.text());
}

Result<kernel::Message> attach(const Leader& leader, const rootfs::Plan& plan, const LiveBind& bind)
{
    Fd process = TRY(leader.open());
    Fd users;
    if (plan.ids.has_namespace()) users = TRY(kernel::open_user_namespace(leader.pid));
    TRY(kernel::signal_process(process.get(), 0), "its payload has just ended");
    TRY(rootfs::attach_live({.plan = plan,
                             .leader = process.get(),
                             .user_namespace = users.get(),
                             .source = bind.source,
                             .target = bind.target,
                             .read_only = bind.read_only,
                             .make_target = bind.make_target}));
    return kernel::Message("ok");
}

auto tell(MountChanged done)
{
    return [done = std::move(done)](Result<kernel::Message> answer) mutable { done(answer ? Result<>() : Result<>(answer.error())); };
}

}  // namespace

std::unique_ptr<Worker> start_binding(systemd::Loop& loop, const MachineEntry& machine, LiveBind bind, MountChanged done)
{
    auto job = [leader = leader_of(machine), plan = plan_of(machine),
                bind](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
        if (!plan) return plan.error();
        looking_at(bind.source);
        return attach(leader, *plan, bind);
    };
    const std::string what = fmt::format("binding '{}' into machine '{}'", printable(bind.source), machine.name.text());
    return Worker::start(loop, what, inside_deadline, job, tell(std::move(done)));
}

std::unique_ptr<Worker> start_unbinding(systemd::Loop& loop, const MachineEntry& machine, std::string target, MountChanged done)
{
    auto job = [leader = leader_of(machine), plan = plan_of(machine), target](const Worker::LookingAt&) -> Result<kernel::Message> {
        if (!plan) return plan.error();
        Fd process = TRY(leader.open());
        TRY(rootfs::detach_live(process.get(), plan->ids.has_namespace(), target));
        return kernel::Message("ok");
    };
    const std::string what = fmt::format("unmounting '{}' of machine '{}'", printable(target), machine.name.text());
    return Worker::start(loop, what, inside_deadline, job, tell(std::move(done)));
}

}  // namespace holm::daemon
