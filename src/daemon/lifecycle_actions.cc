// Lifecycle: what each action of machine/state is here.
#include <csignal>

#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/definitions.h"
#include "daemon/dependants.h"
#include "daemon/identity.h"
#include "daemon/lifecycle.h"
#include "daemon/planner_child.h"
#include "daemon/process_facts.h"
#include "daemon/unit_limits.h"
#include "kernel/process.h"
#include "launch/unit_state.h"

namespace holm::daemon {

using machine::Action;
using machine::EventKind;
using machine::MachineName;
using machine::UnitForm;

namespace {

constexpr std::chrono::seconds scope_deadline{60};
constexpr std::chrono::seconds last_word_deadline{10};  // from the end of a unit to that of its supervisor

}  // namespace

void Lifecycle::perform(MachineEntry& machine, Action action)
{
    switch (action) {
    case Action::Plan: return plan(machine);
    case Action::CancelPlan: return machine.planner.reset();
    case Action::AnswerPrepare: return answer_prepare(machine);
    case Action::RefusePrepare: return refuse_prepare(machine);
    case Action::SpawnSupervisor: return spawn(machine);
    case Action::StartScope: return start_scope(machine);
    case Action::Go: return go(machine);
    case Action::StartService: return start_service(machine);
    case Action::StopUnit: return stop_unit(machine);
    case Action::Terminate: return terminate_all(machine);
    case Action::Register: return register_with_machined(machine);
    case Action::Unregister: machine.registered_leader = 0; return host_.machined.unregister_machine(machine.name.text());
    case Action::EmitNew:
        log_info("machine '{}' has started as {}", machine.name.text(), unit_of(machine));
        return host_.bus.emit(api::root_path, api::manager_interface, "MachineNew", machine.name.text(),
                              systemd::ObjectPath{machine_path(machine.name)});
    case Action::EmitRemoved:
        return host_.bus.emit(api::root_path, api::manager_interface, "MachineRemoved", machine.name.text(),
                              systemd::ObjectPath{machine_path(machine.name)});
    case Action::PublishState: return announcer_.changed(machine);
    case Action::StartDone: return start_ended(machine, JobResult::Done);
    case Action::StartFailed: return start_ended(machine, JobResult::Failed);
    case Action::StartCanceled: return start_ended(machine, JobResult::Canceled);
    case Action::StopDone: return stop_ended(machine);
    case Action::RefuseBusy:
        return answer_removal(machine, error(Errc::Busy, "machine '{}' runs, as {}", machine.name.text(), unit_of(machine)));
    case Action::Release: return release_runtime(machine);
    case Action::RemoveRecord: return remove_record(machine);
    }
}

// -- plan -----------------------------------------------------------------------------------------------------------------------

// What the planner is asked: a service's definition it reads itself.
Result<PlanRequest> Lifecycle::plan_request(const MachineEntry& machine)
{
    const bool scope = machine.life.unit == UnitForm::Scope;
    PlanRequest request{
        .name = machine.name, .unit = scope ? launch::UnitKind::Scope : launch::UnitKind::Service, .settings = host_.settings};
    request.hold = machine.hold;
    if (auto promised = promised_uuids_.find(machine.name); promised != promised_uuids_.end()) request.promised_uuid = promised->second;
    if (machine.run) {
        request.spec = machine.run->spec;
        request.console = machine.run->console;
        request.remove_at_end = machine.run->remove;
        request.term = machine.run->term;
    } else if (scope) {
        const Known* known = host_.catalogue.find(machine.name);
        if (!known) return unknown(machine.name);
        request.spec = TRY(known->spec);
    }
    return request;
}

void Lifecycle::plan(MachineEntry& machine)
{
    const MachineName name = machine.name;
    if (auto ours = systemd::check_owner(name.text()); !ours) return planned(name, ours.error());
    auto request = plan_request(machine);
    if (!request) return planned(name, request.error());
    machine.planner =
        start_planning(host_.loop, std::move(*request), [this, name](Result<launch::Plan> plan) { planned(name, std::move(plan)); });
}

void Lifecycle::planned(const MachineName& name, Result<launch::Plan> plan)
{
    enqueue([this, name, plan = std::move(plan)]() mutable {
        MachineEntry& machine = entry(name);
        machine.planner.reset();
        if (plan) plan = check_root(std::move(*plan));
        if (!plan) {
            machine.failure = plan.error();
            return handle(name, {.kind = EventKind::PlanFailed, .why = plan.error().text});
        }
        for (const std::string& warning : plan->warnings) {
            log_warning("machine '{}': {}", name.text(), warning);
            host_.jobs.warn(machine.start_job ? machine.start_job : machine.restart_job, warning);
        }
        promised_uuids_.erase(name);
        machine.plan = std::move(*plan);
        remember_claims(*machine.plan);
        if (!machine.plan->network.endpoints.empty()) host_.network_services.follow();
        machine.times = {.created = written_at(api::plan_path(name))};
        handle(name, {.kind = EventKind::Planned});
    });
}

std::string Lifecycle::promise_uuid(const MachineName& name)
{
    std::string& promised = promised_uuids_[name];
    if (promised.empty())
        if (auto drawn = draw_uuid()) promised = std::move(*drawn);
    return promised;
}

// An image that is a plain folder may go while a start that has seen it is on its way here.
Result<launch::Plan> Lifecycle::check_root(launch::Plan plan) const
{
    for (const std::string& held : held_roots_)
        if (uses(plan.rootfs, held)) return error(Errc::Busy, "'{}' is being removed or renamed", held);
    return plan;
}

void Lifecycle::networks_changed(const MachineName& name, launch::Plan plan)
{
    MachineEntry* machine = lookup(name);
    const bool runs = machine && machine->plan;
    if (runs) {
        machine->plan = std::move(plan);
        remember_claims(*machine->plan);
    }
    host_.network_services.follow();
    if (runs) announcer_.changed(*machine);
}

// The properties that the generator cannot give. systemd keeps those of earlier starts, and each that it is told is a file and a drop-in
// of the unit: it is told what it has otherwise.
void Lifecycle::answer_prepare(MachineEntry& machine)
{
    const MachineName name = machine.name;
    auto written = list_runtime_properties(name);
    // What an earlier start left would be read again at a daemon-reload: MemoryMax=50% as MemoryMaxScale, which then wins over MemoryMax.
    if (auto cleared = remove_runtime_properties(name); !cleared) log_warning("machine '{}': {}", name.text(), cleared.error().text);
    auto read = [this, name, written = std::move(written)](Result<systemd::UnitProperties> real) mutable {
        enqueue([this, name, written = std::move(written), real = std::move(real)] {
            MachineEntry& prepared = entry(name);
            if (prepared.prepare && prepared.plan) tell_prepared(prepared, real, written);
        });
    };
    machine.properties_operation = host_.units.read_properties(unit_of(machine), launch::readable_properties(), std::move(read));
}

// Where systemd does not say what the unit has it is told all.
void Lifecycle::tell_prepared(MachineEntry& machine, const Result<systemd::UnitProperties>& real, const std::vector<std::string>& written)
{
    const MachineName name = machine.name;
    auto set = [this, name](Result<> done) {
        enqueue([this, name, done = std::move(done)] {
            MachineEntry& prepared = entry(name);
            if (!prepared.prepare) return;
            if (done) prepared.prepare->ok(api::plan_path(name));
            else {
                prepared.failure = done.error();
                std::exchange(prepared.prepare, std::nullopt)->fail(done.error());
                return handle(name, {.kind = EventKind::UnitFailed, .why = done.error().text});
            }
            prepared.prepare.reset();
            settle_stopped(name, unit_of(prepared));  // who has asked may have been killed before
        });
    };
    const auto [planned, limits] = split_orders(machine.plan->unit.properties);
    if (auto limited = write_limits(machine.control_group, limits); !limited) return set(limited.error());
    auto told = real ? launch::properties_to_tell(planned, *real, written) : planned;
    auto answered = [set, unit = unit_of(machine)](const Result<>& done) {
        set(done ? done : with_context(done.error(), fmt::format("systemd refuses a property of unit '{}'", unit)));
    };
    if (told.empty()) set({});
    else machine.properties_operation = host_.units.set_runtime_properties(unit_of(machine), told, std::move(answered));
}

void Lifecycle::refuse_prepare(MachineEntry& machine)
{
    if (!machine.prepare) return;
    machine.prepare->fail(failure_of(machine));
    machine.prepare.reset();
}

// -- a scope --------------------------------------------------------------------------------------------------------------------

void Lifecycle::spawn(MachineEntry& machine)
{
    auto fail = [&](const Error& why) {
        machine.failure = why;
        post(machine.name, {.kind = EventKind::UnitFailed, .why = why.text});
    };
    auto supervisor = spawn_supervisor(machine.name);
    if (!supervisor) return fail(supervisor.error());
    auto control = ControlClient::adopt(host_.loop, machine.name, std::move(supervisor->channel), listener(machine.name));
    machine.blocked = std::move(*supervisor);
    if (!control) return fail(control.error());
    machine.control = std::move(*control);
}

void Lifecycle::start_scope(MachineEntry& machine)
{
    if (!machine.control) return;  // the spawn has failed
    const MachineName name = machine.name;
    auto started = [this, name, number = ++machine.starts](Result<> done) {
        enqueue([this, name, number, done = std::move(done)] {
            MachineEntry& entered = entry(name);
            if (entered.starts != number) return;
            entered.deadline.reset();
            entered.start_operation.reset();
            auto limited = done ? limit_scope(entered) : Result<>(error(done.error().code, "{}", done.error().text));
            if (limited) return handle(name, {.kind = EventKind::UnitStarted});
            entered.failure = limited.error();
            handle(name, {.kind = EventKind::UnitFailed, .why = limited.error().text});
        });
    };
    machine.unit_gone = false;
    machine.start_operation = host_.units.start_scope({.name = machine.plan->unit.name,
                                                       .pid = static_cast<uint32_t>(machine.blocked->pid),
                                                       .properties = split_orders(machine.plan->unit.properties).properties},
                                                      std::move(started));
    auto deadline = host_.loop.after(scope_deadline, [this, name] {
        post(name, {.kind = EventKind::Timeout, .why = fmt::format("systemd did not make its scope within {} s", scope_deadline.count())});
    });
    if (deadline) machine.deadline = std::move(*deadline);
}

// Of limits that systemd knows nothing of: before anything of the machine runs.
Result<> Lifecycle::limit_scope(MachineEntry& machine)
{
    if (!machine.plan || !machine.blocked) return {};
    const auto limits = split_orders(machine.plan->unit.properties).limits;
    if (limits.empty()) return {};
    machine.control_group = cgroup_of_unit(TRY(cgroup_of(machine.blocked->pid)), unit_of(machine));
    TRY(write_limits(machine.control_group, limits));
    return {};
}

// The client that runs it in the foreground has its session from here on; holmd has no part in that.
void Lifecycle::go(MachineEntry& machine)
{
    kernel::Message message("go");
    Fd session;
    if (machine.run) {
        auto pair = make_socket_pair();
        if (!pair) return post(machine.name, {.kind = EventKind::UnitFailed, .why = pair.error().text});
        session = std::move(pair->first);
        if (machine.run->rows)
            message.add("rows", static_cast<int64_t>(machine.run->rows)).add("cols", static_cast<int64_t>(machine.run->columns));
        if (!machine.run->detach) {
            if (auto held = duplicate(pair->second.get())) machine.session = std::move(*held);
            message.fds.push_back(std::move(pair->second));
        }
        for (Fd& fd : std::exchange(machine.run->fds, {})) message.fds.push_back(std::move(fd));
    }
    auto told = machine.control->go(message);
    if (told) told = machine.control->subscribe();
    if (!told) {
        machine.failure = with_context(told.error(), "its supervisor cannot be told to go");
        return post(machine.name, {.kind = EventKind::SupervisorLost});
    }
    machine.supervisor = std::move(machine.blocked->process);
    machine.blocked.reset();
    if (machine.run)
        machine.run->reply.ok(machine.name.text(), systemd::ObjectPath{machine_path(machine.name)},
                              systemd::ObjectPath{job_path(machine.start_job)}, session);
    machine.run.reset();
}

// -- a service, and both --------------------------------------------------------------------------------------------------------

void Lifecycle::stop_unit(MachineEntry& machine)
{
    const MachineName name = machine.name;
    auto stopped = [this, name](Result<> done) {
        enqueue([this, name, done = std::move(done)] {
            MachineEntry* machine_now = lookup(name);
            if (!machine_now || !is_active(machine_now->life)) return;
            if (!done && (systemd::was_cut_off(done.error()) || done.error().code == Errc::Timeout)) return ask_later(*machine_now);
            machine_now->stop_operation.reset();
            if (!done && done.error().code != Errc::NotFound) {
                log_warning("machine '{}': {}", name.text(), done.error().text);
                host_.jobs.end(std::exchange(machine_now->stop_job, 0), JobResult::Failed, done.error().text);
                return;
            }
            const std::string why = "its unit ended without a word of its supervisor";
            if (!machine_now->control && !machine_now->ended) return handle(name, {.kind = EventKind::UnitFailed, .why = why});
            auto deadline =
                host_.loop.after(last_word_deadline, [this, name, why] { post(name, {.kind = EventKind::UnitFailed, .why = why}); });
            if (deadline) machine_now->deadline = std::move(*deadline);
        });
    };
    machine.stop_operation = host_.units.run_job(systemd::UnitVerb::Stop, unit_of(machine), std::move(stopped));
}

void Lifecycle::terminate_all(MachineEntry& machine)
{
    if (machine.blocked) {
        static_cast<void>(kernel::signal_process(machine.blocked->process.get(), SIGKILL));
        machine.blocked.reset();
        drop_control(machine);
    } else if (machine.control) {
        const MachineName name = machine.name;
        machine.control->ask(kernel::Message("terminate"), [this, name](const Result<kernel::Message>& answer) {
            if (answer) return;
            enqueue([this, name] {
                if (MachineEntry* stuck = lookup(name)) kill_unit(*stuck);
            });
        });
    } else kill_unit(machine);
    stop_unit(machine);
}

// The supervisor does not answer: systemd kills it with all the rest.
void Lifecycle::kill_unit(MachineEntry& machine)
{
    machine.kill_operation = host_.units.kill(unit_of(machine), SIGKILL, [name = machine.name](const Result<>& done) {
        if (!done) log_debug("machine '{}': {}", name.text(), done.error().text);
    });
}

void Lifecycle::register_with_machined(MachineEntry& machine)
{
    if (machine.told.leader == 0 || machine.told.leader == machine.registered_leader) return;
    machine.registered_leader = machine.told.leader;
    systemd::Registration registration{.name = machine.name.text(), .leader = static_cast<uint32_t>(machine.told.leader)};
    if (machine.plan) {
        registration.uuid = machine.plan->uuid;
        if (!machine.plan->rootfs.overlay()) registration.root_directory = machine.plan->rootfs.lower.front();
    }
    host_.machined.register_machine(registration);
}

}  // namespace holm::daemon
