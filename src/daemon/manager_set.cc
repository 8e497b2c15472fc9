// ManagerObject: properties of [resources], changed while the machine runs and kept for its next start.
#include <algorithm>

#include "base/log.h"
#include "daemon/definitions.h"
#include "daemon/live_changes.h"
#include "daemon/manager_object.h"
#include "daemon/property_changes.h"
#include "daemon/unit_limits.h"
#include "machine/resources.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

// Whether its unit is there and its supervisor is at work in it.
Result<bool> can_change(const MachineEntry* machine)
{
    if (!machine || !is_active(machine->life)) return false;
    if (machine->heard && machine->life.stage != machine::Stage::Stopping) return true;
    return error(Errc::Busy, "machine '{}' is {}", machine->name.text(), machine::describe_state(machine::state_of(machine->life)));
}

void take_back_or_say(const MachineName& name, const KeptChange& change)
{
    if (auto undone = take_back(change); !undone) log_error("machine '{}': {}", name.text(), undone.error().text);
}

}  // namespace

void ManagerObject::set_properties(Reply reply, const std::string& text, const Assignments& assignments, bool runtime)
{
    if (auto checked = check_assignments(assignments); !checked) return reply.fail(checked.error());
    authorise(std::move(reply), Privilege::Manage, "set", text, [this, assignments, runtime](Reply granted, const MachineName& name) {
        change_properties(std::move(granted), name, assignments, runtime);
    });
}

// Kept first and read again with all the rest of the definition: what systemd then refuses is taken back.
void ManagerObject::change_properties(Reply reply, const MachineName& name, const Assignments& assignments, bool runtime)
{
    const MachineEntry* machine = lifecycle_.find(name);
    const Known* known = host_.catalogue.find(name);
    if (!known && !(machine && is_active(machine->life))) return reply.fail(lifecycle_.unknown(name));
    if (known && !known->spec) return reply.fail(known->spec.error());
    auto live = can_change(machine);
    if (!live) return reply.fail(live.error());
    if (!known) return reply.fail(error(Errc::Invalid, "machine '{}' has no definition in which it could be kept", name.text()));
    if (!runtime && known->origin == Origin::Image) return reply.fail(no_definition(name));
    if (runtime && !*live) return reply.fail(lifecycle_.not_running(name));
    if (auto possible = check_read_at_load(name, assignments, runtime, known->origin); !possible) return reply.fail(possible.error());

    std::optional<KeptChange> kept;
    machine::Spec spec = with_assignments(*known->spec, assignments);
    if (!runtime && known->origin != Origin::Temporary) {
        auto written = keep_assignments(name, *known, assignments);
        host_.catalogue.forget(name);
        if (!written) return reply.fail(written.error());
        kept = std::move(*written);
        known = host_.catalogue.find(name);
        if (!known || !known->spec) {
            take_back_or_say(name, *kept);
            host_.catalogue.forget(name);
            return reply.fail(known ? known->spec.error() : lifecycle_.unknown(name));
        }
        spec = *known->spec;
    }
    if (!*live || std::ranges::all_of(assignments, machine::is_read_at_load, &Assignments::value_type::first))
        return answer_set(std::move(reply), name, assignments);
    auto properties = changed_properties(spec, host_.settings, assignments, launch::UnitKind::Service);
    if (!properties) return reply.fail(properties.error());
    lift_limits(*properties, assignments);
    auto planned =
        changed_properties(spec, host_.settings, assignments, machine->plan ? machine->plan->unit.kind : launch::UnitKind::Service);
    if (!planned) return reply.fail(planned.error());
    tell_unit(std::move(reply), *machine, assignments, {.told = std::move(*properties), .planned = std::move(*planned)}, std::move(kept));
}

void ManagerObject::tell_unit(Reply reply, const MachineEntry& machine, const Assignments& assignments, UnitChange change,
                              std::optional<KeptChange> kept)
{
    const MachineName name = machine.name;
    const std::string unit = unit_of(machine);
    for (const auto& [property, value] : assignments)
        for (const std::string& bus_name : machine::bus_names_of(property).value_or(std::vector<std::string>()))
            remove_runtime_property(unit, bus_name);
    std::string what;
    for (const auto& [property, value] : assignments) what += fmt::format("{}{}={}", what.empty() ? "" : " ", property, value);
    UnitOrders orders = split_orders(change.told);
    auto limited = write_limits(machine.control_group, orders.limits);
    if (!limited) {
        if (kept) take_back_or_say(name, *kept);
        host_.catalogue.forget(name);
        return reply.fail(limited.error());
    }
    auto place = operations_.emplace(operations_.end());
    auto done = [this, place, name, unit, what, assignments, cgroup = machine.control_group, limits = std::move(*limited),
                 planned = std::move(change.planned), kept = std::move(kept), reply = std::move(reply)](const Result<>& told) mutable {
        auto ended = std::move(*place);
        operations_.erase(place);
        if (told) {
            lifecycle_.note(api::MachineEvent::Changed, name,
                            fmt::format("properties of machine '{}' were changed: {}", name.text(), what));
            return note_properties(std::move(reply), name, assignments, std::move(planned));
        }
        restore_limits(cgroup, limits);
        if (kept) take_back_or_say(name, *kept);
        host_.catalogue.forget(name);
        reply.fail(with_context(told.error(), fmt::format("systemd refuses it for unit '{}'", unit)));
    };
    *place = host_.units.set_runtime_properties(unit, orders.properties, std::move(done));
}

// In the plan of what runs, too: the machine runs with them.
void ManagerObject::note_properties(Reply reply, const MachineName& name, const Assignments& assignments,
                                    std::vector<launch::UnitProperty> planned)
{
    std::vector<std::string> names;
    for (const auto& [property, value] : assignments) {
        if (machine::is_read_at_load(property)) continue;
        for (std::string& bus_name : machine::bus_names_of(property).value_or(std::vector<std::string>()))
            names.push_back(std::move(bus_name));
    }
    auto place = workers_.emplace(workers_.end());
    auto noted = [this, place, name, assignments, reply = std::move(reply)](Result<launch::Plan> plan) mutable {
        auto ended = std::move(*place);
        workers_.erase(place);
        if (plan) lifecycle_.networks_changed(name, std::move(*plan));
        else log_warning("machine '{}': {}", name.text(), plan.error().text);
        answer_set(std::move(reply), name, assignments);
    };
    *place = start_noting_properties(host_.loop, name, std::move(names), std::move(planned), std::move(noted));
}

// What systemd reads at load is written into the unit's drop-in by the generator, for the next start.
void ManagerObject::answer_set(Reply reply, const MachineName& name, const Assignments& assignments)
{
    const Known* known = host_.catalogue.find(name);
    const bool at_load = std::ranges::any_of(assignments, machine::is_read_at_load, &Assignments::value_type::first);
    if (!at_load || !known || known->origin != Origin::Definition) return reply.ok();
    auto place = operations_.emplace(operations_.end());
    *place = host_.units.reload([this, place, reply = std::move(reply)](const Result<>& done) mutable {
        auto ended = std::move(*place);
        operations_.erase(place);
        if (done) reply.ok();
        else reply.fail(with_context(done.error(), "it is kept, but systemd does not read it: run 'systemctl daemon-reload'"));
    });
}

}  // namespace holm::daemon
