// Lifecycle: starts that are held at a step, with all that they have made so far.
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/lifecycle.h"

namespace holm::daemon {

using machine::MachineName;

Result<MachineEntry*> Lifecycle::held(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    const bool known = host_.catalogue.find(name) || (machine && is_active(machine->life));
    if (!known) return unknown(name);
    if (!machine || !is_active(machine->life))
        return error(Errc::Busy, "machine '{0}' does not run: 'holmctl start --hold=STEP {0}' starts it up to a step", name.text());
    if (machine->told.held.empty())
        return error(Errc::Busy, "the start of machine '{}' is not held: it is {}", name.text(),
                     machine::describe_state(machine::state_of(machine->life)));
    return machine;
}

// It has come to the step, or goes on. Who has asked for the start is told as much as there is to tell.
void Lifecycle::tell_held(MachineEntry& machine)
{
    const std::string &step = machine.told.held, &why = machine.told.held_why;
    if (!step.empty()) {
        log_info("the start of machine '{}' is held at step '{}'{}{}", machine.name.text(), step, why.empty() ? "" : ": ", why);
        machine.life.start_job = false;
        for (uint32_t job : {std::exchange(machine.start_job, 0), std::exchange(machine.restart_job, 0)})
            host_.jobs.end(job, JobResult::Held, why.empty() ? step : fmt::format("{}: {}", step, why));
    }
    announcer_.changed(machine);
}

// A job as that of a start: it ends when the machine is ready.
void Lifecycle::go_on(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable {
        auto machine = held(name);
        if (!machine) return reply.fail(machine.error());
        ask(name, kernel::Message("continue"), std::move(reply), [this, name](Reply granted, const kernel::Message&) {
            MachineEntry& going = entry(name);
            if (going.start_job == 0) going.start_job = host_.jobs.begin(name, JobKind::Start);
            const uint32_t job = going.start_job;
            granted.ok(systemd::ObjectPath{job_path(job)});
            if (!is_active(going.life)) return host_.jobs.end(std::exchange(going.start_job, 0), JobResult::Failed, going.life.why);
            if (machine::state_of(going.life) == machine::State::Running)
                return host_.jobs.end(std::exchange(going.start_job, 0), JobResult::Done);
            going.life.start_job = true;
        });
    });
}

void Lifecycle::abort(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable {
        auto machine = held(name);
        if (!machine) return reply.fail(machine.error());
        handle(name, {.kind = machine::EventKind::TerminateRequested});
        reply.ok();
    });
}

}  // namespace holm::daemon
