// Lifecycle: the start of holmd. Every machine begins as an empty life; what is found of it in /run/holm is posted as events.
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "api/names.h"
#include "base/folder.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/lifecycle.h"
#include "daemon/planner_child.h"
#include "daemon/process_facts.h"

namespace holm::daemon {

using machine::Event;
using machine::EventKind;
using machine::MachineName;

namespace {

constexpr const char* quarantine_folder = "/run/holm/quarantine";
constexpr std::chrono::milliseconds supervisor_pause{100};
constexpr unsigned supervisor_attempts = 150;  // 15 s: a supervisor that is there opens its socket within milliseconds

}  // namespace

void Lifecycle::rebuild()
{
    take_back_unfinished_groups();
    for (const std::string& folder : names_in(api::runtime_machines_folder)) rebuild_one(folder);
    // A power cut, or a holmd that was killed at the wrong moment, has left what a first start or `run --rm` was to remove.
    for (const MachineName& name : list_marked()) {
        if (find(name)) continue;
        const Known* known = host_.catalogue.find(name);
        if (known && known->origin == Origin::Definition) {  // a clone that was whole but for its mark
            if (auto kept = unmark_record(name); !kept) log_error("machine '{}': {}", name.text(), kept.error().text);
            continue;
        }
        log_info("machine '{}': removing what its last run has left", name.text());
        remove_record(entry(name));
    }
}

void Lifecycle::rebuild_one(const std::string& folder)
{
    auto name = machine::parse_name(folder);
    if (!name) return quarantine(folder, name.error().text);
    auto plan = read_plan(api::plan_path(*name));
    if (plan && plan->name != *name) plan = error(Errc::Invalid, "it is the plan of machine '{}'", plan->name.text());
    if (plan) return adopt(*name, std::move(*plan));
    if (plan.error().code != Errc::NotFound) return adopt_by_supervisor(*name, plan.error().text);
    // A start that never came to its plan.
    log_info("machine '{}': releasing a start that was never finished", name->text());
    if (auto released = release(*name, Keep::Record); !released) log_warning("machine '{}': {}", name->text(), released.error().text);
}

// A machine whose plan nobody can read runs all the same: its supervisor tells what it is. Where none listens it is dead.
void Lifecycle::adopt_by_supervisor(const MachineName& name, const std::string& why)
{
    auto client = ControlClient::connect(host_.loop, name, {});
    auto cgroup = client ? cgroup_of((*client)->peer()) : Result<std::string>(client.error());
    std::string_view unit;
    for (const std::string& one : {api::scope_name(name), api::service_name(name)})
        if (cgroup && unit.empty()) unit = cgroup_of_unit(*cgroup, one);
    if (unit.empty()) return quarantine(name.text(), why);
    log_error("machine '{}' runs on, but {}: it can be stopped, and is whole again at its next start", name.text(), why);
    entry(name).control_group = unit;
    await_found(name);
}

// Out of the way, and there to look at.
void Lifecycle::quarantine(const std::string& folder, const std::string& why)
{
    const std::string from = fmt::format("{}/{}", api::runtime_machines_folder, folder),
                      to = fmt::format("{}/{}-{}", quarantine_folder, folder, ::time(nullptr));
    log_error("{} cannot be used and is moved to {}: {}", from, to, why);
    auto made = make_folders(quarantine_folder, 0700);
    if (!made || ::rename(from.c_str(), to.c_str())) log_error("cannot move {}", from);
}

void Lifecycle::adopt(const MachineName& name, launch::Plan plan)
{
    MachineEntry& machine = entry(name);
    machine.times.created = written_at(api::plan_path(name));
    machine.control_group = fmt::format("{}/{}", cgroup_of_slice(plan.unit.slice), plan.unit.name);
    machine.plan = std::move(plan);
    remember_claims(*machine.plan);
    await_found(name);
}

void Lifecycle::await_found(const MachineName& name)
{
    entry(name).found = true;
    unheard_.insert(name);
    await_supervisor(name, 0);
}

void Lifecycle::when_heard(systemd::Callback done)
{
    on_heard_ = std::move(done);
    tell_heard();
}

void Lifecycle::heard_of(const MachineName& name)
{
    if (unheard_.erase(name)) tell_heard();
}

void Lifecycle::tell_heard()
{
    if (!unheard_.empty() || group_undoer_) return;
    if (auto done = std::exchange(on_heard_, nullptr)) enqueue(std::move(done));
}

// A supervisor that listens is asked for its state. One that is just starting is waited for while its unit has processes; else the
// machine is dead.
void Lifecycle::await_supervisor(const MachineName& name, unsigned attempt)
{
    MachineEntry& machine = entry(name);
    if (machine.control) return;                         // it has called meanwhile
    if (is_active(machine.life)) return heard_of(name);  // it was started anew
    if (connect(machine)) {
        resume_confirmation(machine);
        machine.changing = "being thawed";  // where a snapshot was being made
        return thaw_again(machine, [this, name] { entry(name).changing.clear(); });
    }
    if (attempt == supervisor_attempts || !is_populated(machine.control_group)) return found_dead(machine);
    heard_of(name);  // it may wait for us
    auto again = host_.loop.after(supervisor_pause,
                                  [this, name, attempt] { enqueue([this, name, attempt] { await_supervisor(name, attempt + 1); }); });
    if (again) machine.deadline = std::move(*again);
    else found_dead(machine);
}

void Lifecycle::found_dead(MachineEntry& machine)
{
    const MachineName name = machine.name;
    Event event = event_of(machine, EventKind::FoundDead);
    event.result = machine::EndResult::Failed;
    event.why = "its supervisor was gone when holmd started";
    auto text = read_regular_file(api::result_path(name), max_outcome);
    if (auto outcome = text ? parse_outcome(*text) : std::nullopt) {
        event.result = outcome->result;
        event.status = outcome->status;
        event.why = outcome->why.empty() ? describe_end(*outcome) : outcome->why;
        event.asked = outcome->asked;
        machine.ended = std::move(*outcome);
    }
    if (event.unit == machine::UnitForm::Scope) dead_scopes_.push_back(unit_of(machine));
    stop_dead_scopes();
    if (is_populated(machine.control_group)) kill_unit(machine);  // what does not listen after all this time is no supervisor
    enqueue([this, name, event = std::move(event)] {
        handle(name, event);
        heard_of(name);
        MachineEntry* machine_now = lookup(name);
        if (!machine_now) return;
        note_end(*machine_now, "run");
        settle(*machine_now);
        forget_if_gone(name);
    });
}

// A process that dies while systemd puts it into its scope leaves a scope that is empty and never ends by itself.
void Lifecycle::stop_dead_scopes()
{
    if (!host_.bus.connected()) return;  // on_connected() comes back to it
    for (const std::string& scope : std::exchange(dead_scopes_, {})) {
        auto place = stopping_scopes_.emplace(stopping_scopes_.end());
        *place = host_.units.run_job(systemd::UnitVerb::Stop, scope,
                                     [this, place](const Result<>&) { enqueue([this, place] { stopping_scopes_.erase(place); }); });
    }
}

}  // namespace holm::daemon
