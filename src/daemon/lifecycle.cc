#include "daemon/lifecycle.h"
#include "daemon/process_facts.h"

#include <chrono>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/planner_child.h"

namespace holm::daemon {

using machine::Action;
using machine::Event;
using machine::EventKind;
using machine::MachineName;

std::string unit_of(const MachineEntry& machine)
{
    if (machine.plan) return machine.plan->unit.name;
    return machine.life.unit == machine::UnitForm::Service ? api::service_name(machine.name) : api::scope_name(machine.name);
}

const MachineEntry* Lifecycle::find(const MachineName& name) const
{
    auto machine = machines_.find(name);
    return machine == machines_.end() ? nullptr : machine->second.get();
}

MachineEntry* Lifecycle::lookup(const MachineName& name)
{
    return const_cast<MachineEntry*>(find(name));
}

MachineEntry& Lifecycle::entry(const MachineName& name)
{
    auto& machine = machines_[name];
    if (!machine) machine = std::make_unique<MachineEntry>(name);
    return *machine;
}

std::vector<const MachineEntry*> Lifecycle::all() const
{
    std::vector<const MachineEntry*> machines;
    machines.reserve(machines_.size());
    for (auto& [name, machine] : machines_) machines.push_back(machine.get());
    return machines;
}

Error Lifecycle::unknown(const MachineName& name) const
{
    std::vector<MachineName> others;
    for (auto& [other, machine] : machines_)
        if (is_active(machine->life)) others.push_back(other);
    return error(Errc::NotFound, "no machine '{}'{}", name.text(), host_.catalogue.did_you_mean(name, others));
}

Error Lifecycle::not_running(const MachineName& name) const
{
    const MachineEntry* machine = find(name);
    if (machine && is_active(machine->life))
        return error(Errc::Busy, "machine '{}' is {}", name.text(), machine::describe_state(machine::state_of(machine->life)));
    const Known* known = host_.catalogue.find(name);
    if (!known) return unknown(name);
    const bool can_start = known->origin != Origin::Temporary;
    return error(Errc::Busy, "machine '{0}' does not run{1}", name.text(),
                 can_start ? fmt::format(": 'holmctl start {}' starts it", name.text()) : "");
}

// -- the queue ------------------------------------------------------------------------------------------------------------------

void Lifecycle::enqueue(systemd::Callback task)
{
    queue_.push_back(std::move(task));
    if (drain_) return;
    auto source = host_.loop.defer([this] { drain(); });
    if (source) drain_ = std::move(*source);
    else {
        // Without its loop holmd is of no use: a new one rebuilds itself.
        log_error("{}", source.error().text);
        host_.loop.exit(1);
    }
}

void Lifecycle::drain()
{
    drain_.reset();
    for (auto tasks = std::exchange(queue_, {}); !tasks.empty(); tasks.pop_front()) tasks.front()();
}

void Lifecycle::post(const MachineName& name, Event event)
{
    enqueue([this, name, event = std::move(event)] { handle(name, event); });
}

// What a supervisor has said already comes before a request that its machine's state decides.
void Lifecycle::catch_up(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (machine && machine->control) machine->control->catch_up();
}

namespace {
constexpr std::chrono::seconds unanswered_pause{1};  // to the next request, where systemd has not heard or not answered the last

// The step of machine::run_steps() at which a life is; a supervisor knows better.
const char* step_of(machine::Stage stage)
{
    switch (stage) {
    case machine::Stage::Asked: return "unit";
    case machine::Stage::Planning: return "plan";
    case machine::Stage::Entering: return "unit";
    case machine::Stage::Booting: return "program";
    case machine::Stage::Running: return "run";
    case machine::Stage::Stopping: return "stop";
    case machine::Stage::Stopped:
    case machine::Stage::Failed: break;
    }
    return "";
}
}  // namespace

void Lifecycle::handle(const MachineName& name, const Event& event)
{
    MachineEntry& machine = entry(name);
    const machine::Stage stage = machine.life.stage;
    const bool was_active = is_active(machine.life), was_fresh = machine.life.record == machine::Record::Fresh;
    machine::Step step = machine::step(machine.life, event);
    const machine::Life before = std::exchange(machine.life, std::move(step.next));
    note_moment(machine, event.kind, stage);
    const bool restart_failed = event.kind == EventKind::RestartFailed && machine.life.stage != stage;
    const bool ends = (was_active && !is_active(machine.life)) || restart_failed;
    if (ends) note_end(machine, restart_failed ? "unit" : step_of(stage));
    if (was_fresh && machine.life.record == machine::Record::Kept)
        if (auto kept = unmark_record(name); !kept) log_error("machine '{}': {}", name.text(), kept.error().text);
    tell_journal(machine, before);
    for (Action action : step.actions) perform(machine, action);
    if (ends) settle(machine);
    forget_if_gone(name);
}

void Lifecycle::note_moment(MachineEntry& machine, EventKind kind, machine::Stage before)
{
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto moment = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
    const bool begins = before == machine::Stage::Stopped || before == machine::Stage::Failed;
    if (begins && is_active(machine.life)) machine.moments = {};
    if (begins && (kind == EventKind::StartRequested || kind == EventKind::PrepareRequested)) machine.moments.asked = moment;
    if (kind == EventKind::Planned) machine.moments.planned = moment;
    if (machine.life.stage == machine::Stage::Booting && before != machine::Stage::Booting && machine.moments.planned &&
        !machine.moments.told)
        machine.moments.told = moment;
}

// How a life went: before anybody is told that it has ended.
void Lifecycle::note_end(MachineEntry& machine, const char* step)
{
    const bool failed = machine.life.stage == machine::Stage::Failed;
    machine.last = LastRun{machine.ended.value_or(Outcome{machine::EndResult::Failed, 1, "", machine.life.boots}), failed};
    Outcome& outcome = machine.last->outcome;
    if (outcome.why.empty()) outcome.why = machine.life.why;
    if (outcome.step.empty()) outcome.step = step;
    if (!machine.ended && machine.failure) outcome.sys_errno = machine.failure->sys_errno;
    if (failed) log_warning("machine '{}' failed: {}", machine.name.text(), machine.life.why);
    else log_info("machine '{}' has stopped", machine.name.text());
}

// What became of a machine in one step. A holmd that has just been started hears all states anew, which is no news.
void Lifecycle::tell_journal(MachineEntry& machine, const machine::Life& before)
{
    using enum api::MachineEvent;
    using machine::Stage;
    const machine::Life& life = machine.life;
    const std::string& name = machine.name.text();
    if (before == life) return;
    const bool found = std::exchange(machine.found, false) && is_active(life);
    if (found) return;
    if (life.started && !before.started) note(Started, machine.name, fmt::format("machine '{}' has started as {}", name, unit_of(machine)));
    if (life.frozen != before.frozen && is_active(life))
        note(life.frozen ? Frozen : Thawed, machine.name, fmt::format("machine '{}' {}", name, life.frozen ? "is frozen" : "goes on"));
    if (life.stage == before.stage) return;
    if (life.stage == Stage::Running) note(Ready, machine.name, fmt::format("machine '{}' is ready", name));
    if (life.stage == Stage::Booting && before.stage == Stage::Running)
        note(Rebooting, machine.name,
             machine.told.restarting ? fmt::format("machine '{}' is started again after: {}", name, machine.told.restarted_after)
                                     : fmt::format("machine '{}' boots again", name));
    if (life.stage == Stage::Stopping) note(Stopping, machine.name, fmt::format("machine '{}' is stopping", name));
    if (life.stage == Stage::Stopped && is_active(before)) note(Stopped, machine.name, fmt::format("machine '{}' has stopped", name));
    if (life.stage == Stage::Failed) note(Failed, machine.name, fmt::format("machine '{}' failed: {}", name, life.why));
}

void Lifecycle::note(api::MachineEvent event, const MachineName& name, const std::string& message)
{
    const MachineEntry* machine = find(name);
    events_.write(event, name, machine ? unit_of(*machine) : api::service_name(name), message);
}

// The life is over and told: what it had is let go, and who has waited for that goes on.
void Lifecycle::settle(MachineEntry& machine)
{
    machine.ended.reset();
    machine.unit_gone = false;
    machine.failure.reset();
    machine.told = {};
    machine.hold.clear();
    machine.heard = false;
    const bool has_record = machine.life.record != machine::Record::Temporary && machine.life.record != machine::Record::Fresh;
    if (has_record) write_last_run(machine.name, *machine.last);
    if (machine.is_releasing) return;
    machine.session.reset();
    for (auto& waiting : std::exchange(machine.when_gone, {})) enqueue(std::move(waiting));
}

// Without a life, a definition or a record there is no machine.
void Lifecycle::forget_if_gone(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (!machine || is_active(machine->life) || machine->is_releasing || machine->planner || machine->checker || machine->release_pause ||
        !machine->when_gone.empty() || !machine->changing.empty())
        return;
    const Known* known = host_.catalogue.find(name);
    if (known && known->origin != Origin::Temporary) return;
    const MachineName gone = name;  // which may be the entry's own
    machines_.erase(gone);
    forget_claims(gone);
    announcer_.vanished(gone);
}

// -- what the host tells --------------------------------------------------------------------------------------------------------

// Jobs that nobody here asked for: `systemctl start holm@web` whose supervisor never came up, or was not heard.
void Lifecycle::on_job_removed(const std::string& unit, const std::string& result)
{
    auto name = api::machine_of_unit(unit);
    if (name && result == "done")
        enqueue([this, name = *name, unit] {
            meet_supervisor(name);
            settle_stopped(name, unit);
        });
    if (result != "failed" && result != "timeout" && result != "dependency") return;
    const MachineEntry* machine = name ? find(*name) : nullptr;
    // What was asked for here tells its own end; this may be the job of the start before.
    if (!machine || machine->control || machine->start_operation || unit_of(*machine) != unit) return;
    Event event{.kind = EventKind::UnitFailed};
    if (auto failed = systemd::result_of_job(unit, result); !failed) event.why = failed.error().text;
    post(*name, std::move(event));
}

// The job may have been a stop that met a start which nobody here asked for, before there was a supervisor.
void Lifecycle::settle_stopped(const MachineName& name, const std::string& unit)
{
    MachineEntry* machine = lookup(name);
    if (!machine || !is_active(machine->life) || machine->life.unit != machine::UnitForm::Service || unit_of(*machine) != unit) return;
    if (machine->control || machine->ended || machine->start_operation || machine->stop_operation) return;
    if (!is_gone(machine->control_group)) return;
    handle(name, {.kind = EventKind::UnitFailed, .asked = true, .why = "it was stopped before it had started"});
}

void Lifecycle::on_unit_removed(const std::string& unit)
{
    auto name = api::machine_of_unit(unit);
    if (!name) return;
    enqueue([this, name = *name, unit] {
        MachineEntry* machine = lookup(name);
        if (!machine || unit_of(*machine) != unit) return;
        // Before its unit is known to be there, this is the end of the unit of the life before: of a restart.
        const machine::Stage stage = machine->life.stage;
        if (stage != machine::Stage::Booting && stage != machine::Stage::Running && stage != machine::Stage::Stopping) return;
        machine->unit_gone = true;
        if (machine->control) return;
        if (machine->ended) end_life(*machine);
        else if (machine->life.unit == machine::UnitForm::Scope && !machine->blocked)
            post(name, {.kind = EventKind::UnitFailed, .why = fmt::format("unit '{}' ended without a word of its supervisor", unit)});
    });
}

// What was asked for on a connection that is gone: asking again joins the job, or finds the unit up, or gone.
void Lifecycle::on_connected()
{
    enqueue([this] {
        stop_dead_scopes();
        for (auto& [name, machine] : machines_) ask_again(name);
    });
}

// Nobody knows whether systemd has heard it: asking again joins the job, or finds the unit up, or gone. Without a bus on_connected() asks.
void Lifecycle::ask_later(MachineEntry& machine)
{
    if (!host_.bus.connected()) return;
    auto later = host_.loop.after(unanswered_pause, [this, name = machine.name] { enqueue([this, name] { ask_again(name); }); });
    if (later) machine.asking_pause = std::move(*later);
}

void Lifecycle::ask_again(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (!machine) return;
    machine->asking_pause.reset();
    if (machine->life.stage == machine::Stage::Asked) return start_service(*machine);
    if (machine->life.stage != machine::Stage::Stopping || !machine->stop_operation) return;
    if (machine->life.terminating && !machine->control) kill_unit(*machine);
    stop_unit(*machine);
}

}  // namespace holm::daemon
