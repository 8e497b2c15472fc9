// Lifecycle: the requests of clients, each done when the queue comes to it.
#include "daemon/lifecycle.h"

#include <algorithm>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/definitions.h"
#include "daemon/planner_child.h"
#include "daemon/process_facts.h"

namespace holm::daemon {

using machine::EventKind;
using machine::MachineName;
using machine::Record;
using machine::UnitForm;

namespace {

Error busy(const MachineEntry& machine)
{
    return error(Errc::Busy, "machine '{}' is {} as {}", machine.name.text(), machine::describe_state(machine::state_of(machine.life)),
                 unit_of(machine));
}

// Of a machine that is not known to run; "": none has a process.
std::string find_populated_unit(const MachineName& name, const Known* known)
{
    const std::string slice = cgroup_of_slice(known && known->spec ? known->spec->unit.slice : machine::UnitSpec().slice);
    for (std::string unit : {api::scope_name(name), api::service_name(name)})
        if (is_populated(fmt::format("{}/{}", slice, unit))) return unit;
    return {};
}

bool is_active(const MachineEntry* machine)
{
    return machine && machine::is_active(machine->life);
}

}  // namespace

void Lifecycle::run(const MachineName& name, RunRequest request)
{
    catch_up(name);
    enqueue([this, name, request = std::move(request)]() mutable { do_run(name, std::move(request)); });
}

void Lifecycle::start(const MachineName& name, std::string hold, Reply reply)
{
    catch_up(name);
    enqueue([this, name, hold = std::move(hold), reply = std::move(reply)]() mutable { do_start(name, hold, std::move(reply)); });
}

void Lifecycle::stop(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable { do_stop(name, std::move(reply)); });
}

void Lifecycle::restart(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable { do_restart(name, std::move(reply)); });
}

void Lifecycle::remove(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable { do_remove(name, std::move(reply)); });
}

void Lifecycle::prepare(const MachineName& name, const std::string& control_group, Reply reply)
{
    catch_up(name);
    enqueue([this, name, control_group, reply = std::move(reply)]() mutable { do_prepare(name, control_group, std::move(reply)); });
}

void Lifecycle::terminate(const MachineName& name, Reply reply)
{
    catch_up(name);
    enqueue([this, name, reply = std::move(reply)]() mutable {
        if (!is_active(find(name)))
            return reply.fail(host_.catalogue.find(name) ? error(Errc::Busy, "machine '{}' does not run", name.text()) : unknown(name));
        if (refuse_protected(name, "stop", reply)) return;
        handle(name, {.kind = EventKind::TerminateRequested});
        reply.ok();
    });
}

void Lifecycle::ask(const MachineName& name, kernel::Message message, Reply reply,
                    std::move_only_function<void(Reply, kernel::Message)> answered)
{
    MachineEntry* machine = lookup(name);
    if (!machine || !machine::is_active(machine->life)) return reply.fail(not_running(name));
    if (is_frozen(machine->control_group))  // and its supervisor with it: what it is asked it would do when nobody waits any more
        return reply.fail(
            error(Errc::Busy, "machine '{}' is frozen with its unit: 'systemctl thaw {}' first", name.text(), unit_of(*machine)));
    if (!machine->control || !machine->heard)
        return reply.fail(error(Errc::Busy, "machine '{}' is {}: its supervisor does not listen yet", name.text(),
                                machine::describe_state(machine::state_of(machine->life))));
    machine->control->ask(std::move(message),
                          [name, reply = std::move(reply), answered = std::move(answered)](Result<kernel::Message> answer) mutable {
                              if (!answer) return reply.fail(with_context(answer.error(), fmt::format("machine '{}'", name.text())));
                              answered(std::move(reply), std::move(*answer));
                          });
}

// True: refused.
bool Lifecycle::refuse_protected(const MachineName& name, const char* verb, Reply& reply)
{
    const Known* known = host_.catalogue.find(name);
    if (!known || !known->spec || std::ranges::find(known->spec->protect, verb) == known->spec->protect.end()) return false;
    reply.fail(error(Errc::Denied, "machine '{}' is protected against '{}'{}", name.text(), verb,
                     machine::describe_origin(*known->spec, "protect")));
    return true;
}

// -- run ------------------------------------------------------------------------------------------------------------------------

void Lifecycle::do_run(const MachineName& name, RunRequest request)
{
    if (refuse_changing(name, request.reply)) return;
    MachineEntry& machine = entry(name);
    if (machine.ended || machine.is_releasing) {
        machine.when_gone.push_back([this, name, request = std::move(request)]() mutable { do_run(name, std::move(request)); });
        return;
    }
    if (is_active(&machine) && machine.life.record == Record::Temporary && machine.control && !request.has_waited)
        return run_after(machine, std::move(request));
    if (is_active(&machine))
        return request.reply.fail(error(Errc::Exists, "machine '{}' runs already, as {}", name.text(), unit_of(machine)));
    if (const Known* known = host_.catalogue.find(name); known && known->origin != Origin::Image)
        return request.reply.fail(error(Errc::Exists, "machine '{}' exists already: {}", name.text(), known->path));
    if (has_state(name))
        return request.reply.fail(error(Errc::Exists, "machine '{}' has left its state in {}: 'holmctl remove {}' removes it", name.text(),
                                        api::state_path(name), name.text()));
    const RecordLife life = request.remove ? RecordLife::Temporary : RecordLife::Kept;
    auto written = write_record(name, life, request.definition);
    if (!written) {
        request.reply.fail(with_context(written.error(), fmt::format("cannot keep a record of machine '{}'", name.text())));
        static_cast<void>(release(name, Keep::Nothing));  // nothing but the record is there
        return forget_if_gone(name);
    }
    machine.run = std::make_unique<RunRequest>(std::move(request));
    machine.start_job = host_.jobs.begin(name, JobKind::Start);
    announcer_.appeared(name);
    handle(name, {.kind = EventKind::StartRequested,
                  .unit = UnitForm::Scope,
                  .record = life == RecordLife::Kept ? Record::Fresh : Record::Temporary});
}

// A client of `run --rm` that has seen its end may run the same name again before holmd has heard of that end. The supervisor is
// asked something: its answer comes after its last word, or not at all.
void Lifecycle::run_after(MachineEntry& machine, RunRequest request)
{
    const MachineName name = machine.name;
    request.has_waited = true;
    machine.control->ask(kernel::Message("console"), [this, name, request = std::move(request)](const Result<kernel::Message>&) mutable {
        catch_up(name);
        enqueue([this, name, request = std::move(request)]() mutable { do_run(name, std::move(request)); });
    });
}

// -- start ----------------------------------------------------------------------------------------------------------------------

void Lifecycle::do_start(const MachineName& name, const std::string& hold, Reply reply)
{
    MachineEntry* machine = lookup(name);
    // systemd takes a start for the one that it is still failing with, and both would end with that.
    const bool still_fails = machine && !is_active(machine) && machine->start_operation;
    if (machine && (machine->ended || machine->is_releasing || still_fails)) {
        machine->when_gone.push_back([this, name, hold, reply = std::move(reply)]() mutable { do_start(name, hold, std::move(reply)); });
        return;
    }
    if (refuse_protected(name, "start", reply) || refuse_changing(name, reply)) return;
    if (is_active(machine)) {
        const machine::State state = machine::state_of(machine->life);
        const bool begun = state == machine::State::Starting && machine->plan && machine->plan->hold != hold;
        if (!hold.empty() && (begun || state == machine::State::Running))
            return reply.fail(error(Errc::Busy, "machine '{0}' {1} already, so its start cannot be held: 'holmctl stop {0}' stops it first",
                                    name.text(), begun ? "starts" : "runs"));
        if (state == machine::State::Running) return start_running(*machine, std::move(reply));
        if (state != machine::State::Starting) return reply.fail(busy(*machine));
        if (!machine->told.held.empty() && hold.empty())
            return reply.fail(error(Errc::Busy,
                                    "the start of machine '{0}' is held at step '{1}': 'holmctl continue {0}' goes on with it, "
                                    "'holmctl abort {0}' takes it back",
                                    name.text(), machine->told.held));
        // Asked for by systemctl, or by a client of a holmd that is dead: this one joins.
        if (machine->start_job == 0) machine->start_job = host_.jobs.begin(name, JobKind::Start);
        machine->life.start_job = true;
        reply.ok(systemd::ObjectPath{job_path(machine->start_job)});
        if (!machine->told.held.empty()) tell_held(*machine);
        // It rests after an end that was no good: whoever asks for it now does not wait for that.
        if (machine->told.next_boot && machine->control)
            machine->control->ask(kernel::Message("boot"), [](const Result<kernel::Message>&) {});
        return;
    }
    const Known* known = host_.catalogue.find(name);
    if (!known || known->origin == Origin::Image) return start_image(name, hold, std::move(reply));
    const bool defined = known->origin == Origin::Definition;
    const machine::Event event{.kind = EventKind::StartRequested,
                               .unit = defined ? UnitForm::Service : UnitForm::Scope,
                               .record = defined ? Record::None : Record::Kept};
    uint32_t job = entry(name).start_job = host_.jobs.begin(name, JobKind::Start);
    entry(name).hold = hold;
    reply.ok(systemd::ObjectPath{job_path(job)});
    handle(name, event);
}

// As StartUnit does it: a job that is done.
void Lifecycle::start_running(const MachineEntry& machine, Reply reply)
{
    const uint32_t job = host_.jobs.begin(machine.name, JobKind::Start);
    reply.ok(systemd::ObjectPath{job_path(job)});
    host_.jobs.end(job, JobResult::Done);
}

// A name that nobody has defined may be an image's: planning it tells, without a unit that fails for a slip of the keyboard.
void Lifecycle::start_image(const MachineName& name, const std::string& hold, Reply reply)
{
    MachineEntry& machine = entry(name);
    if (machine.planner) return reply.fail(error(Errc::Busy, "machine '{}' is being looked for", name.text()));
    auto described = [this, name, hold, reply = std::move(reply)](Result<std::string> text) mutable {
        enqueue([this, name, hold, reply = std::move(reply), text = std::move(text)]() mutable {
            MachineEntry& found = entry(name);
            found.planner.reset();
            if (text && !machine::is_active(found.life)) {
                uint32_t job = found.start_job = host_.jobs.begin(name, JobKind::Start);
                found.hold = hold;
                reply.ok(systemd::ObjectPath{job_path(job)});
                handle(name, {.kind = EventKind::StartRequested, .unit = UnitForm::Service});
                return announce_if_new(name);
            }
            reply.fail(text ? busy(found) : text.error().code == Errc::NotFound ? unknown(name) : text.error());
            forget_if_gone(name);
        });
    };
    PlanRequest request{.name = name, .unit = launch::UnitKind::Service, .settings = host_.settings};
    machine.planner = start_describing(host_.loop, std::move(request), std::move(described));
}

// -- stop, restart, remove --------------------------------------------------------------------------------------------------------

void Lifecycle::do_stop(const MachineName& name, Reply reply)
{
    MachineEntry* machine = lookup(name);
    if (!is_active(machine) && !host_.catalogue.find(name)) return reply.fail(unknown(name));
    if (refuse_protected(name, "stop", reply)) return;
    MachineEntry& stopping = entry(name);
    if (stopping.stop_job == 0) stopping.stop_job = host_.jobs.begin(name, JobKind::Stop);
    reply.ok(systemd::ObjectPath{job_path(stopping.stop_job)});
    handle(name, {.kind = EventKind::StopRequested});
    // One before it has failed.
    MachineEntry* refused = lookup(name);
    if (refused && refused->life.stage == machine::Stage::Stopping && !refused->stop_operation) stop_unit(*refused);
}

void Lifecycle::do_restart(const MachineName& name, Reply reply)
{
    MachineEntry* machine = lookup(name);
    if (!is_active(machine)) return do_start(name, "", std::move(reply));
    if (refuse_protected(name, "stop", reply) || refuse_protected(name, "start", reply)) return;
    if (machine->life.record == Record::Temporary)
        return reply.fail(error(Errc::Busy, "machine '{}' was run to be removed at its end: it cannot be restarted", name.text()));
    if (machine->restart_job != 0) return reply.ok(systemd::ObjectPath{job_path(machine->restart_job)});
    machine->restarts.push_back(std::move(reply));
    if (!machine->checker) check_restart(*machine);
}

// A machine that could not be started again is not stopped: it is planned first, with nothing done.
void Lifecycle::check_restart(MachineEntry& machine)
{
    const MachineName name = machine.name;
    auto checked = [this, name](const Result<std::string>& text) {
        enqueue([this, name, why = text ? std::optional<Error>() : text.error()] {
            MachineEntry& found = entry(name);
            found.checker.reset();
            for (Reply& reply : std::exchange(found.restarts, {})) {
                if (why) reply.fail(with_context(*why, "it is left running"));
                else restart_checked(name, std::move(reply));
            }
            forget_if_gone(name);
        });
    };
    auto request = plan_request(machine);
    if (!request) return checked(request.error());
    machine.checker = start_describing(host_.loop, std::move(*request), std::move(checked));
}

void Lifecycle::restart_checked(const MachineName& name, Reply reply)
{
    MachineEntry* machine = lookup(name);
    if (!is_active(machine)) return do_start(name, "", std::move(reply));
    if (machine->restart_job != 0) return reply.ok(systemd::ObjectPath{job_path(machine->restart_job)});
    if (machine->life.unit == UnitForm::Service) return restart_service(*machine, std::move(reply));
    machine->restart_job = host_.jobs.begin(name, JobKind::Restart);
    reply.ok(systemd::ObjectPath{job_path(machine->restart_job)});
    handle(name, {.kind = EventKind::StopRequested});
}

// Of a service that is no more systemd would tell for ever that it has failed.
void Lifecycle::forget_failure_of_unit(const MachineName& name)
{
    resetting_[name] = host_.units.reset_failed(api::service_name(name),
                                                [this, name](const Result<>&) { enqueue([this, name] { resetting_.erase(name); }); });
}

void Lifecycle::do_remove(const MachineName& name, Reply reply)
{
    MachineEntry* machine = lookup(name);
    if (machine && (machine->ended || machine->is_releasing)) {
        machine->when_gone.push_back([this, name, reply = std::move(reply)]() mutable { do_remove(name, std::move(reply)); });
        return;
    }
    if (is_active(machine)) return reply.fail(with_context(busy(*machine), "stop it first"));
    if (refuse_changing(name, reply)) return;
    const Known* known = host_.catalogue.find(name);
    if (!known && !has_state(name) && !(machine && machine->last)) return reply.fail(unknown(name));
    if (refuse_protected(name, "remove", reply)) return;
    if (const std::string unit = find_populated_unit(name, known); !unit.empty())
        return reply.fail(error(Errc::Busy, "{0} still has processes, though machine '{1}' is not known to run: 'systemctl stop {0}' first",
                                unit, name.text()));
    if (auto free = check_dependants(name); !free) return reply.fail(free.error());
    const bool may_be_enabled = known && is_service(known->origin);
    if (known && known->origin == Origin::Definition) {
        auto gone = remove_definition(name);
        if (!gone) return reply.fail(gone.error());
    }
    // Of a service, which one that was only an image was too.
    if (auto cleared = remove_runtime_properties(name); !cleared) log_warning("machine '{}': {}", name.text(), cleared.error().text);
    forget_failure_of_unit(name);
    entry(name).removal = Removal{std::move(reply), may_be_enabled};
    handle(name, {.kind = EventKind::RemoveRequested});
}

// -- prepare ----------------------------------------------------------------------------------------------------------------------

void Lifecycle::do_prepare(const MachineName& name, const std::string& control_group, Reply reply)
{
    MachineEntry* before = lookup(name);
    if (before && (before->is_releasing || before->changed_running)) {  // of a restart in the midst of a snapshot: at the end of that
        before->when_gone.push_back(
            [this, name, control_group, reply = std::move(reply)]() mutable { do_prepare(name, control_group, std::move(reply)); });
        return;
    }
    if (is_active(before) && before->life.unit == UnitForm::Scope)
        return reply.fail(error(Errc::Busy, "machine '{}' runs already, as {}", name.text(), unit_of(*before)));
    if (refuse_changing(name, reply)) return;
    // Who asks is of the unit: what has waited here may have been stopped meanwhile.
    if (is_gone(control_group)) return reply.fail(error(Errc::Busy, "machine '{}' was stopped before it had started", name.text()));
    // The service's last life is over when systemd starts it anew.
    if (before && before->ended) end_life(*before);
    entry(name).prepare = std::move(reply);
    entry(name).control_group = control_group;
    handle(name, {.kind = EventKind::PrepareRequested});
    if (!before) announce_if_new(name);
}

// Of one that was started by the name of its image, by us or by systemctl: what the catalogue does not have is new with its life.
void Lifecycle::announce_if_new(const MachineName& name)
{
    if (is_active(lookup(name)) && !host_.catalogue.find(name)) announcer_.appeared(name);
}

}  // namespace holm::daemon
