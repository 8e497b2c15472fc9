// Lifecycle: a machine that runs becomes what its definition says now: as a whole, or not at all; kept, or taken back where nobody
// confirms it in time, by this holmd or the next.
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <tuple>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/definitions.h"
#include "daemon/lifecycle.h"
#include "daemon/live_changes.h"
#include "daemon/planner_child.h"
#include "daemon/unit_limits.h"
#include "launch/limits.h"
#include "launch/unit_state.h"
#include "machine/grammar.h"

namespace holm::daemon {

using machine::MachineName;
using Microseconds = std::chrono::microseconds;

namespace {

constexpr Microseconds soon = std::chrono::milliseconds(500);  // a machine that was found has its supervisor heard by then
constexpr size_t max_deadline = 32;

uint64_t boottime_now()
{
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

bool is_unconfirmed(const MachineName& name)
{
    return ::access(before_path(name).c_str(), F_OK) == 0;
}

// Whether there was something to keep.
bool forget_before(const MachineName& name)
{
    const bool there = ::unlink(before_path(name).c_str()) == 0;
    ::unlink(confirm_path(name).c_str());
    return there;
}

std::vector<std::tuple<std::string, std::string, std::string, std::string>> rows_of(const std::vector<launch::Change>& changes)
{
    std::vector<std::tuple<std::string, std::string, std::string, std::string>> rows;
    for (const launch::Change& change : changes)
        rows.emplace_back(change.key, change.before, change.after, std::string(launch::describe(change.reach)));
    return rows;
}

std::string describe_made(const std::vector<launch::Change>& changes)
{
    std::string text;
    for (const launch::Change& change : changes)
        if (change.reach == launch::Reach::Live) text += (text.empty() ? "" : ", ") + change.key;
    return text;
}

}  // namespace

Result<MachineEntry*> Lifecycle::changeable(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (!machine || !is_active(machine->life)) {
        if (!host_.catalogue.find(name)) return unknown(name);
        return error(Errc::Busy, "machine '{}' does not run: what its definition says holds at its next start", name.text());
    }
    if (!machine->life.started || machine->told.leader == 0 || !machine->plan)
        return error(Errc::Busy, "machine '{}' is {}: try again when it is running", name.text(),
                     machine::describe_state(machine::state_of(machine->life)));
    TRY(check_unchanging(name));
    return machine;
}

void Lifecycle::compare(const MachineName& name, Shape shape, Reply reply)
{
    catch_up(name);
    enqueue([this, name, shape, reply = std::move(reply)]() mutable {
        auto machine = changeable(name);
        if (!machine) return reply.fail(machine.error());
        with_unit_state(**machine, std::move(reply),
                        [this, shape](MachineEntry& running, Reply asked) { compare_with_unit(running, shape, std::move(asked)); });
    });
}

// What the unit has by now; where systemd does not say, nothing.
void Lifecycle::read_unit(const MachineEntry& machine, std::move_only_function<void(systemd::UnitProperties)> then)
{
    auto place = unit_reads_.emplace(unit_reads_.end());
    auto read = [this, place, name = machine.name, then = std::move(then)](Result<systemd::UnitProperties> properties) mutable {
        enqueue([this, place, name, then = std::move(then), properties = std::move(properties)]() mutable {
            unit_reads_.erase(place);
            if (!properties) log_warning("machine '{}': {}", name.text(), properties.error().text);
            const MachineEntry* running = lookup(name);
            if (properties && running && running->plan)
                add_real_limits(running->control_group, running->plan->unit.properties, *properties);
            then(properties ? std::move(*properties) : systemd::UnitProperties());
        });
    };
    *place = host_.units.read_properties(unit_of(machine), launch::readable_properties(), std::move(read));
}

void Lifecycle::read_limits(const MachineName& name, std::move_only_function<void(std::optional<systemd::Labels>)> then)
{
    const MachineEntry* machine = lookup(name);
    if (!machine || !is_active(machine->life) || !machine->plan) return then({});
    read_unit(*machine, [then = std::move(then)](const systemd::UnitProperties& real) mutable {
        then(real.empty() ? std::nullopt : std::optional(launch::limits_of(real)));
    });
}

// The machine, if it still runs then. Where systemd does not say what its unit has, the plan is believed.
void Lifecycle::with_unit_state(MachineEntry& machine, Reply reply, std::move_only_function<void(MachineEntry&, Reply)> then)
{
    read_unit(machine, [this, name = machine.name, reply = std::move(reply), then = std::move(then)](systemd::UnitProperties real) mutable {
        auto running = changeable(name);
        if (!running) return reply.fail(running.error());
        (*running)->unit_state = std::move(real);
        then(**running, std::move(reply));
    });
}

void Lifecycle::compare_with_unit(MachineEntry& machine, Shape shape, Reply reply)
{
    auto request = plan_request(machine);
    if (!request) return reply.fail(request.error());
    auto place = comparers_.emplace(comparers_.end());
    auto found = [this, place, name = machine.name, shape, reply = std::move(reply)](Result<std::vector<launch::Change>> changes) mutable {
        enqueue([this, place] { comparers_.erase(place); });
        if (!changes) return reply.fail(changes.error());
        if (shape == Shape::Rows) reply.ok(rows_of(*changes));
        else reply.ok(launch::describe_changes(name.text(), *changes));
    };
    *place = start_comparing(host_.loop, machine, std::move(*request), machine.unit_state, std::move(found));
}

void Lifecycle::apply(const MachineName& name, Microseconds confirm, Reply reply)
{
    catch_up(name);
    enqueue([this, name, confirm, reply = std::move(reply)]() mutable {
        auto machine = changeable(name);
        if (!machine) return reply.fail(machine.error());
        with_unit_state(**machine, std::move(reply),
                        [this, confirm](MachineEntry& running, Reply asked) { apply_with_unit(running, confirm, std::move(asked)); });
    });
}

void Lifecycle::apply_with_unit(MachineEntry& machine, Microseconds confirm, Reply reply)
{
    const MachineName name = machine.name;
    auto request = plan_request(machine);
    if (!request) return reply.fail(request.error());
    if (is_unconfirmed(name)) return apply_after(machine, confirm, std::move(*request), std::move(reply));
    machine.changing = "being changed by 'apply'";
    auto applied = [this, name, confirm, reply = std::move(reply)](Result<std::vector<launch::Change>> changes) mutable {
        enqueue([this, name, confirm, reply = std::move(reply), changes = std::move(changes)]() mutable {
            this->applied(name, confirm, std::move(reply), std::move(changes));
        });
    };
    machine.applier = start_applying(host_.loop, machine, std::move(*request), machine.unit_state, std::move(applied));
}

// Who goes on has seen that the last changes are good: those are kept, once the new ones are known to be readable.
void Lifecycle::apply_after(MachineEntry& machine, Microseconds confirm, PlanRequest request, Reply reply)
{
    auto place = comparers_.emplace(comparers_.end());
    auto found = [this, place, name = machine.name, confirm,
                  reply = std::move(reply)](Result<std::vector<launch::Change>> changes) mutable {
        enqueue([this, place] { comparers_.erase(place); });
        if (!changes) return reply.fail(changes.error());
        if (MachineEntry* unconfirmed = lookup(name)) keep_changes(*unconfirmed);
        apply(name, confirm, std::move(reply));
    };
    *place = start_comparing(host_.loop, machine, std::move(request), machine.unit_state, std::move(found));
}

// Networks and mounts are made; the unit has not been told yet.
void Lifecycle::applied(const MachineName& name, Microseconds confirm, Reply reply, Result<std::vector<launch::Change>> changes)
{
    MachineEntry& machine = entry(name);
    machine.applier.reset();
    if (!is_active(machine.life) || !machine.plan) {
        end_apply(machine);
        return reply.fail(error(Errc::Busy, "machine '{}' has just ended", name.text()));
    }
    if (!changes) return undo(name, changes.error(), std::move(reply));
    auto plan = read_plan(api::plan_path(name));
    if (!plan) return undo(name, plan.error(), std::move(reply));
    auto properties = launch::properties_between(launch::with_real_properties(*machine.plan, machine.unit_state), *plan);
    networks_changed(name, std::move(*plan));
    auto told = [this, name, confirm, reply = std::move(reply), changes = std::move(*changes)](const Result<>& done) mutable {
        enqueue([this, name, confirm, reply = std::move(reply), changes = std::move(changes), done]() mutable {
            MachineEntry& changed = entry(name);
            if (!done)
                return undo(name, with_context(done.error(), fmt::format("systemd refuses it for unit '{}'", unit_of(changed))),
                            std::move(reply));
            const auto kept = await_confirmation(changed, confirm);
            if (!kept) return undo(name, kept.error(), std::move(reply));
            if (const std::string made = describe_made(changes); !made.empty())
                note(api::MachineEvent::Changed, name, fmt::format("machine '{}' was changed as it runs: {}", name.text(), made));
            reply.ok(rows_of(changes));
            end_apply(changed);
        });
    };
    tell_properties(machine, std::move(properties), std::move(told));
}

void Lifecycle::tell_properties(MachineEntry& machine, std::vector<launch::UnitProperty> properties,
                                std::move_only_function<void(const Result<>&)> told)
{
    if (properties.empty()) return told({});
    // What an earlier one has left would be read again at a daemon-reload.
    for (const launch::UnitProperty& property : properties) remove_runtime_property(unit_of(machine), property.name);
    const UnitOrders orders = split_orders(properties);
    auto limited = write_limits(machine.control_group, orders.limits);
    if (!limited || orders.properties.empty()) return told(limited ? Result<>() : Result<>(limited.error()));
    auto answered = [told = std::move(told), cgroup = machine.control_group, before = std::move(*limited)](const Result<>& done) mutable {
        if (!done) restore_limits(cgroup, before);
        told(done);
    };
    machine.apply_operation = host_.units.set_runtime_properties(unit_of(machine), orders.properties, std::move(answered));
}

// In time, or it is taken back; `confirm` 0: it is kept as it is.
Result<> Lifecycle::await_confirmation(MachineEntry& machine, Microseconds confirm)
{
    if (confirm.count() == 0 || !is_unconfirmed(machine.name)) {
        keep_changes(machine);
        return {};
    }
    const uint64_t deadline = boottime_now() + static_cast<uint64_t>(confirm.count());
    TRY(replace_file(confirm_path(machine.name), fmt::format("{}\n", deadline), 0600, Durable::No));
    return watch_confirmation(machine);
}

// A holmd that dies in the midst of it leaves no deadline: it is taken back at once.
Result<> Lifecycle::watch_confirmation(MachineEntry& machine)
{
    uint64_t deadline = 0;
    if (auto text = read_regular_file(confirm_path(machine.name), max_deadline))
        if (auto read = parse_number(trim(*text))) deadline = *read;
    const uint64_t now = boottime_now();
    const Microseconds left = deadline > now ? Microseconds(deadline - now) : Microseconds(0);
    machine.confirmation =
        TRY(host_.loop.after(std::max(left, soon), [this, name = machine.name] { enqueue([this, name] { confirmation_missing(name); }); }));
    return {};
}

// Of a machine that the last holmd has changed.
void Lifecycle::resume_confirmation(MachineEntry& machine)
{
    if (!is_unconfirmed(machine.name)) return;
    if (auto watched = watch_confirmation(machine); !watched) log_error("machine '{}': {}", machine.name.text(), watched.error().text);
}

void Lifecycle::confirmation_missing(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (!machine || !is_active(machine->life) || !is_unconfirmed(name)) return;
    machine->confirmation.reset();
    if (!machine->changing.empty() || !machine->life.started || machine->told.leader == 0) {
        if (auto again = watch_confirmation(*machine); !again) log_error("machine '{}': {}", name.text(), again.error().text);
        return;
    }
    log_warning("machine '{}': its changes were not confirmed in time and are taken back", name.text());
    undo(name, std::nullopt, std::nullopt);
}

void Lifecycle::confirm(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable {
        auto machine = changeable(name);
        if (!machine) return reply.fail(machine.error());
        if (!keep_changes(**machine))
            return reply.fail(
                error(Errc::Invalid, "no changes of machine '{}' wait to be confirmed: they were taken back, or never made", name.text()));
        reply.ok();
    });
}

void Lifecycle::revert(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable {
        auto machine = changeable(name);
        if (!machine) return reply.fail(machine.error());
        if (!is_unconfirmed(name))
            return reply.fail(error(
                Errc::Invalid, "no changes of machine '{}' wait to be confirmed: edit its definition and apply it again", name.text()));
        undo(name, std::nullopt, std::move(reply));
    });
}

bool Lifecycle::keep_changes(MachineEntry& machine)
{
    machine.confirmation.reset();
    return forget_before(machine.name);
}

// `why` is what the reply says then; without one it is told that all is well.
void Lifecycle::undo(const MachineName& name, std::optional<Error> why, std::optional<Reply> reply)
{
    MachineEntry& machine = entry(name);
    machine.confirmation.reset();
    auto ended = [this, name, why, reply = std::move(reply)](const Result<>& done) mutable {
        enqueue([this, name, why = std::move(why), reply = std::move(reply), done]() mutable {
            undone(name, std::move(why), std::move(reply), done);
        });
    };
    if (!is_unconfirmed(name)) return ended({});  // nothing was begun
    machine.changing = "being changed back";
    auto taken = [this, name, ended = std::move(ended)](Result<> result) mutable {
        enqueue([this, name, result = std::move(result), ended = std::move(ended)]() mutable {
            MachineEntry& changed = entry(name);
            auto plan = read_plan(api::plan_path(name));
            if (!changed.plan || !plan) return ended(result);
            auto properties = launch::properties_between(*changed.plan, *plan);
            networks_changed(name, std::move(*plan));
            tell_properties(changed, std::move(properties),
                            [result, ended = std::move(ended)](const Result<>& told) mutable { ended(result ? told : result); });
        });
    };
    machine.applier = start_taking_back(host_.loop, machine, host_.settings.network.firewall, std::move(taken));
}

void Lifecycle::undone(const MachineName& name, std::optional<Error> why, std::optional<Reply> reply, const Result<>& done)
{
    MachineEntry& machine = entry(name);
    machine.applier.reset();
    const bool was_there = forget_before(name);
    if (!done) log_error("machine '{}': its changes cannot be taken back whole: {}", name.text(), done.error().text);
    else if (was_there) note(api::MachineEvent::Changed, name, fmt::format("changes of machine '{}' were taken back", name.text()));
    if (reply && why && !done) reply->fail(with_context(*why, fmt::format("and not all of it can be taken back ({})", done.error().text)));
    else if (reply && why) reply->fail(*why);
    else if (reply && !done) reply->fail(with_context(done.error(), "not all of it can be taken back"));
    else if (reply) reply->ok();
    end_apply(machine);
}

// A machine that has ended meanwhile was released before its plan was written for the last time.
void Lifecycle::end_apply(MachineEntry& machine)
{
    const MachineName name = machine.name;
    machine.changing.clear();
    for (auto& task : std::exchange(machine.when_gone, {})) enqueue(std::move(task));
    if (!is_active(machine.life) && !machine.is_releasing && ::access(api::plan_path(name).c_str(), F_OK) == 0)
        start_release(machine, Keep::Record);
    forget_if_gone(name);
}

}  // namespace holm::daemon
