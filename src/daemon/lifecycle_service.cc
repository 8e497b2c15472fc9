// Lifecycle: the unit of a service is asked of systemd; and where it does not come up, why that is.
#include <cerrno>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/definitions.h"
#include "daemon/lifecycle.h"
#include "machine/unit_fate.h"

namespace holm::daemon {

using machine::EventKind;
using machine::MachineName;

// systemd does not tell which of the units that it requires has failed: they are named.
Error Lifecycle::explain_start(const MachineName& name, Error why)
{
    const bool requires_failed = std::exchange(why.sys_errno, 0) == ENOLINK;
    if (!requires_failed) return why;
    const Known* known = host_.catalogue.find(name);
    if (!known || !known->spec || known->spec->unit.requires_.empty()) return why;
    return error(why.code, "{}: it requires {}", why.text, fmt::join(known->spec->unit.requires_, ", "));
}

void Lifecycle::start_service(MachineEntry& machine)
{
    const MachineName name = machine.name;
    auto started = [this, name, number = ++machine.starts](Result<> done) {
        enqueue([this, name, number, done = std::move(done)] {
            MachineEntry* asked = answered_start(name, number);
            // A job that is done ends with a supervisor that has asked for its plan, or with nothing.
            if (!asked || (done && asked->life.stage != machine::Stage::Asked)) return;
            if (done) return look_at_unit(*asked, {});
            if (systemd::was_cut_off(done.error())) return ask_later(*asked);      // unless its supervisor tells before
            if (asked->control) return;                                            // its supervisor has the last word, or is lost
            if (asked->plan && !asked->failure && end_as_written(*asked)) return;  // what it has sent to holmd is still to be read
            const int how = done.error().sys_errno;
            if (how == ECHILD && !asked->failure) return look_at_unit(*asked, explain_start(name, done.error()));
            if (!asked->failure) asked->failure = explain_start(name, done.error());
            handle(name, {.kind = EventKind::UnitFailed, .asked = how == ECANCELED, .why = asked->failure->text});
        });
    };
    machine.start_operation = host_.units.run_job(systemd::UnitVerb::Start, api::service_name(name), std::move(started));
}

// Null: what systemd has answered is about no start that is under way.
MachineEntry* Lifecycle::answered_start(const MachineName& name, unsigned number)
{
    MachineEntry& asked = entry(name);
    if (asked.starts != number) return nullptr;
    asked.start_operation.reset();
    if (is_active(asked.life)) return &asked;
    for (auto& waiting : std::exchange(asked.when_gone, {})) enqueue(std::move(waiting));
    forget_if_gone(name);
    return nullptr;
}

// What systemd was told at earlier starts, or with --runtime, may be why, before its supervisor is there to have it set anew: it would
// fail for ever.
void Lifecycle::forget_runtime_properties(const MachineName& name)
{
    if (list_runtime_properties(name).empty()) return;
    if (auto cleared = remove_runtime_properties(name); !cleared) log_warning("machine '{}': {}", name.text(), cleared.error().text);
    resetting_[name] = host_.units.reload([this, name](const Result<>& reloaded) {
        if (!reloaded) log_warning("machine '{}': {}", name.text(), reloaded.error().text);
        enqueue([this, name] { resetting_.erase(name); });
    });
}

// `failure`: of systemd's job; none where that is done, and nothing has asked for a plan.
void Lifecycle::look_at_unit(MachineEntry& machine, std::optional<Error> failure)
{
    const std::string unit = api::service_name(machine.name);
    auto read = [this, name = machine.name, unit, number = machine.starts, failure = std::move(failure)](Result<machine::UnitFate> fate) {
        enqueue([this, name, unit, number, failure, fate = std::move(fate)]() mutable {
            MachineEntry* asked = answered_start(name, number);
            if (!asked || asked->control || (!failure && asked->life.stage != machine::Stage::Asked)) return;
            // systemd has taken the unit of the life before, whose end it had not seen, for this one's; or it cannot be asked now.
            if (!failure && (fate ? is_up(*fate) : systemd::was_cut_off(fate.error()))) return ask_later(*asked);
            if (!failure) failure = error(Errc::Failed, "unit '{}' ended before its supervisor had asked for a plan", unit);
            if (const std::string why = fate ? describe_failure(*fate, unit) : ""; !why.empty()) failure = error(Errc::Failed, "{}", why);
            asked->failure = failure;
            forget_runtime_properties(name);
            handle(name, {.kind = EventKind::UnitFailed, .why = failure->text});
        });
    };
    machine.start_operation = host_.units.read_fate(unit, std::move(read));
}

// systemd restarts the unit and what depends on it; the states follow from what the supervisors say.
void Lifecycle::restart_service(MachineEntry& machine, Reply reply)
{
    const MachineName name = machine.name;
    machine.restart_job = host_.jobs.begin(name, JobKind::Restart);
    reply.ok(systemd::ObjectPath{job_path(machine.restart_job)});
    auto done = [this, name](Result<> result) {
        catch_up(name);
        enqueue([this, name, result = std::move(result)] {
            MachineEntry& restarted = entry(name);
            const bool is_open = result ? !is_active(restarted.life) : result.error().sys_errno == ECHILD && restarted.life.why.empty();
            if (is_open) look_at_restart(restarted, result);
            else end_restart(restarted, result);
        });
    };
    machine.restart_operation = host_.units.run_job(systemd::UnitVerb::Restart, api::service_name(name), std::move(done));
}

// Where no supervisor has come up, none can tell: systemd has stopped the unit, and its start has failed or was left alone.
void Lifecycle::look_at_restart(MachineEntry& machine, Result<> result)
{
    const std::string unit = api::service_name(machine.name);
    auto read = [this, name = machine.name, unit, result = std::move(result)](Result<machine::UnitFate> fate) {
        enqueue([this, name, unit, result, fate = std::move(fate)]() mutable {
            // A short command may have run and ended.
            const bool failed = !result || (fate && was_skipped(*fate));
            if (const std::string why = failed && fate ? describe_failure(*fate, unit) : ""; !why.empty())
                result = error(Errc::Failed, "{}", why);
            MachineEntry& restarted = entry(name);
            if (!result && !is_active(restarted.life)) forget_runtime_properties(name);
            end_restart(restarted, result);
        });
    };
    machine.restart_operation = host_.units.read_fate(unit, std::move(read));
}

void Lifecycle::end_restart(MachineEntry& machine, const Result<>& result)
{
    const MachineName name = machine.name;
    const uint32_t job = std::exchange(machine.restart_job, 0);
    if (result) return host_.jobs.end(job, JobResult::Done);
    const bool is_failure = result.error().sys_errno != ECANCELED && !systemd::was_cut_off(result.error());
    const std::string why = explain_start(name, result.error()).text;
    host_.jobs.end(job, JobResult::Failed, machine.life.why.empty() ? why : machine.life.why);
    if (is_failure) handle(name, {.kind = EventKind::RestartFailed, .why = why});
}

}  // namespace holm::daemon
