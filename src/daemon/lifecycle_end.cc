// Lifecycle: the end of a life, and of a machine: what it had is released, and who waits for that is answered.
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/definitions.h"
#include "daemon/lifecycle.h"
#include "daemon/planner_child.h"

namespace holm::daemon {

using machine::EventKind;
using machine::MachineName;
using machine::UnitForm;

namespace {

constexpr unsigned most_failed_releases = 8;  // 1, 2, 4, … seconds between them

}  // namespace

Error failure_of(const MachineEntry& machine)
{
    if (machine.failure) return *machine.failure;
    return error(Errc::Failed, "{}", machine.life.why.empty() ? "it was stopped" : machine.life.why);
}

void Lifecycle::release_runtime(MachineEntry& machine)
{
    drop_control(machine);
    machine.confirmation.reset();
    machine.blocked.reset();
    machine.deadline.reset();
    machine.stop_operation.reset();
    machine.asking_pause.reset();
    if (machine.life.unit == UnitForm::Scope) machine.start_operation.reset();
    machine.empty_operation.reset();
    machine.supervisor_exit.reset();
    machine.supervisor.reset();
    // A plan that only its file knows is of a planner that was killed.
    const bool leaves_more =
        machine.plan ? !machine.plan->network.endpoints.empty() || machine.plan->rootfs.capped_on_disk() : has_plan(machine.name);
    machine.plan.reset();
    machine.times = {};
    machine.control_group.clear();
    const bool forgotten = machine.life.record == machine::Record::Temporary || machine.life.record == machine::Record::Fresh;
    if (leaves_more) return start_release(machine, forgotten ? Keep::Nothing : Keep::Record);
    // Its folder in /run alone, which is memory: quick.
    if (auto released = release(machine.name, Keep::Record); !released) {
        log_warning("machine '{}': {}", machine.name.text(), released.error().text);
        release_later(machine);
    }
}

void Lifecycle::start_release(MachineEntry& machine, Keep keep)
{
    const MachineName name = machine.name;
    machine.release_pause.reset();
    machine.is_releasing = true;
    releases_.begin({name, keep},
                    [this, name](Result<> result) { enqueue([this, name, result = std::move(result)] { removed(name, result); }); });
}

// What the host still does for a machine that has ended is not left to the next holmd: a process that was killed, or a want of memory or
// descriptors, passes. The machine's state is not touched here; whoever wanted it removed was told that it is not.
void Lifecycle::release_later(MachineEntry& machine)
{
    if (!has_runtime(machine.name) || machine.failed_releases >= most_failed_releases) return;
    const std::chrono::seconds pause(1 << machine.failed_releases++);
    auto later = host_.loop.after(pause, [this, name = machine.name] {
        enqueue([this, name] {
            MachineEntry& ended = entry(name);
            ended.release_pause.reset();
            if (!is_active(ended.life) && !ended.is_releasing && ended.changing.empty()) start_release(ended, Keep::Record);
            else forget_if_gone(name);
        });
    });
    if (later) machine.release_pause = std::move(*later);
}

// A few files of ours go at once; what a guest has filled may take long.
void Lifecycle::remove_record(MachineEntry& machine)
{
    if (machine.is_releasing) return;  // its release takes the record along
    const MachineName name = machine.name;
    if (!has_own_upper(name)) {
        auto released = release(name, Keep::Nothing);
        if (!released) log_error("machine '{}': what it has left cannot be removed: {}", name.text(), released.error().text);
        return answer_removal(machine, released);
    }
    start_release(machine, Keep::Nothing);
}

void Lifecycle::removed(const MachineName& name, const Result<>& result)
{
    MachineEntry& machine = entry(name);
    machine.is_releasing = false;
    if (result) machine.failed_releases = 0;
    else {
        log_error("machine '{}': what it has left cannot be removed: {}", name.text(), result.error().text);
        release_later(machine);
    }
    machine.session.reset();
    host_.network_services.follow();
    for (auto& waiting : std::exchange(machine.when_gone, {})) enqueue(std::move(waiting));
    answer_removal(machine, result);
    forget_if_gone(name);
}

void Lifecycle::answer_removal(MachineEntry& machine, const Result<>& result)
{
    if (!machine.removal) return;
    Removal removal = std::move(*machine.removal);
    machine.removal.reset();
    if (!result) return removal.reply.fail(result.error());
    if (!removal.may_be_enabled) return removal.reply.ok();
    auto disabled = [this, name = machine.name, reply = std::move(removal.reply)](const Result<>& done) mutable {
        if (done) reply.ok();
        else reply.fail(done.error());
        enqueue([this, name] { disabling_.erase(name); });
    };
    disabling_[machine.name] = host_.units.change_files(systemd::UnitFiles::Disable, api::service_name(machine.name), std::move(disabled));
}

void Lifecycle::start_ended(MachineEntry& machine, JobResult result)
{
    const Error why = failure_of(machine);
    auto tell = [this, result, why, start = std::exchange(machine.start_job, 0), run = std::exchange(machine.run, nullptr),
                 restart = machine.life.unit == UnitForm::Scope ? std::exchange(machine.restart_job, 0) : 0]() mutable {
        if (run && result != JobResult::Done) run->reply.fail(why);
        for (uint32_t job : {start, restart}) host_.jobs.end(job, result, result == JobResult::Failed ? why.text : "");
    };
    // A failed start that is to leave nothing is told when nothing is left.
    if (machine.is_releasing) machine.when_gone.emplace_back(std::move(tell));
    else tell();
}

void Lifecycle::stop_ended(MachineEntry& machine)
{
    const uint32_t stop = std::exchange(machine.stop_job, 0);
    if (machine.is_releasing) machine.when_gone.emplace_back([this, stop] { host_.jobs.end(stop, JobResult::Done); });
    else host_.jobs.end(stop, JobResult::Done);
    if (machine.restart_job == 0 || machine.life.unit == UnitForm::Service) return;
    auto again = [this, name = machine.name] {
        post(name, {.kind = EventKind::StartRequested, .unit = UnitForm::Scope, .record = machine::Record::Kept});
    };
    if (machine.is_releasing) machine.when_gone.emplace_back(again);
    else again();
}

}  // namespace holm::daemon
