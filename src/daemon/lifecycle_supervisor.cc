// Lifecycle: what a supervisor says becomes events.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "api/names.h"
#include "base/log.h"
#include "daemon/lifecycle.h"
#include "daemon/process_facts.h"
#include "machine/grammar.h"

namespace holm::daemon {

using machine::Event;
using machine::EventKind;
using machine::MachineName;
using machine::UnitForm;
using Phase = SupervisorState::Phase;

namespace {

constexpr std::chrono::milliseconds meeting_pause{100};
constexpr unsigned meeting_attempts = 50;
constexpr std::chrono::seconds unit_deadline{5};  // from the end of a supervisor to that of its scope

// When the machine was first ready, for a holmd that was not there: the time of an empty file in its folder of /run.
std::string ready_mark(const MachineName& name)
{
    return api::runtime_path(name) + "/ready";
}

// 139: what an init or a shell ends with whose program was ended by SIGSEGV.
std::string describe_exit(int status)
{
    if (status == 0) return "";
    const char* signal = status > 128 ? ::sigabbrev_np(status - 128) : nullptr;
    return fmt::format("its payload exited with status {}{}", status, signal ? fmt::format(" (128 + SIG{})", signal) : "");
}

}  // namespace

std::string describe_end(const Outcome& outcome)
{
    switch (outcome.result) {
    case machine::EndResult::Exited: return describe_exit(outcome.status);
    case machine::EndResult::Signalled: {
        const char* signal = ::sigabbrev_np(outcome.status);
        return fmt::format("its payload was ended by signal {}", signal ? "SIG" + std::string(signal) : std::to_string(outcome.status));
    }
    case machine::EndResult::Killed: return "its payload was killed";
    case machine::EndResult::Failed: return "its payload failed";
    case machine::EndResult::Poweroff: return "";
    }
    std::unreachable();
}

ControlClient::Listener Lifecycle::listener(const MachineName& name)
{
    return {.state = [this, name](const SupervisorState& state) { enqueue([this, name, state] { on_state(name, state); }); },
            .warning = [name](const std::string& text) { log_warning("machine '{}': {}", name.text(), text); },
            .lost = [this, name] { enqueue([this, name] { on_lost(name); }); }};
}

Result<> Lifecycle::connect(MachineEntry& machine)
{
    machine.control = TRY(ControlClient::connect(host_.loop, machine.name, listener(machine.name)));
    return {};
}

// The event of a supervisor that may be new to us: it carries the form of its unit.
Event Lifecycle::event_of(const MachineEntry& machine, EventKind kind) const
{
    const bool service = machine.plan ? machine.plan->unit.kind == launch::UnitKind::Service
                                      : machine.control_group.ends_with(api::service_name(machine.name));
    Event event{.kind = kind, .unit = service ? UnitForm::Service : UnitForm::Scope, .boots = machine.told.boots};
    if (service) event.record = machine::Record::None;
    else if (machine.plan && machine.plan->remove_at_end) event.record = machine::Record::Temporary;
    else event.record = is_marked(machine.name) ? machine::Record::Fresh : machine::Record::Kept;
    return event;
}

void Lifecycle::note_times(MachineEntry& machine, const SupervisorState& state)
{
    if (state.leader != machine.told.leader) machine.times.started = state.leader ? start_time_of(state.leader) : 0;
    if (state.leader && machine.control_group.empty())
        if (auto cgroup = cgroup_of(state.leader)) machine.control_group = cgroup_of_unit(*cgroup, unit_of(machine));
    if (state.phase != Phase::Running || machine.times.ready) return;
    machine.times.ready = written_at(ready_mark(machine.name));
    if (machine.times.ready) return;
    Fd mark(::open(ready_mark(machine.name).c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600));
    machine.times.ready = written_at(ready_mark(machine.name));
}

void Lifecycle::on_state(const MachineName& name, const SupervisorState& state)
{
    MachineEntry* machine = lookup(name);
    if (!machine || !machine->control) return;
    note_times(*machine, state);
    const bool known = machine->found && !machine->heard;  // by the last holmd, which has told it
    machine->heard = true;
    heard_of(name);
    const SupervisorState before = std::exchange(machine->told, state);
    if (!state.frozen) thawed(*machine);
    const std::string& health = before.health;
    switch (state.phase) {
    case Phase::Starting: handle(name, event_of(*machine, EventKind::SupervisorStarting)); break;
    case Phase::Started: handle(name, event_of(*machine, EventKind::Started)); break;
    case Phase::Running: handle(name, event_of(*machine, EventKind::Ready)); break;
    case Phase::Stopping:
        if (state.leader && state.executed && !machine->life.started) handle(name, event_of(*machine, EventKind::Started));
        handle(name, event_of(*machine, EventKind::Stopping));
        break;
    case Phase::Ended: return take_last_word(*machine, state.outcome);
    }
    if (state.held != before.held) tell_held(*machine);
    if (state.restarts != before.restarts || state.next_boot != before.next_boot) announcer_.changed(*machine);
    if (state.health != health && !state.health.empty()) {
        const bool healthy = state.health == "healthy";
        if (!known)
            note(healthy ? api::MachineEvent::Healthy : api::MachineEvent::Unhealthy, name,
                 fmt::format("machine '{}' is {}", name.text(), state.health));
        announcer_.changed(*machine);
    }
    if (state.frozen != machine->life.frozen) handle(name, {.kind = state.frozen ? EventKind::Frozen : EventKind::Thawed});
}

// The file has all that the message has, and more of a failure.
void Lifecycle::take_last_word(MachineEntry& machine, Outcome outcome)
{
    if (auto text = read_regular_file(api::result_path(machine.name), max_outcome))
        if (auto whole = parse_outcome(*text); whole && whole->result == outcome.result) outcome = std::move(*whole);
    if (outcome.why.empty() && !outcome.asked) outcome.why = describe_end(outcome);
    machine.ended = std::move(outcome);
}

// It will answer nothing more. What it has answered, like a kill that ended the machine, may still lie in its socket.
void Lifecycle::drop_control(MachineEntry& machine)
{
    if (!machine.control) return;
    for (auto& [answered, answer] : machine.control->give_up())
        enqueue([answered = std::move(answered), answer = std::move(answer)]() mutable { answered(std::move(answer)); });
    machine.control.reset();
    thawed(machine);
    answer_change(machine, error(Errc::Unavailable, "its supervisor is gone"));
}

// What has killed it, where that is known: holm-shutdown.service.
std::string Lifecycle::describe_loss() const
{
    if (::access(shutdown_mark, F_OK)) return "";
    return fmt::format(
        "the host shut down, and it did not stop within the {} that all machines have for that: [daemon] shutdown_timeout of {}/"
        "holm.toml",
        machine::describe_duration(host_.settings.shutdown_timeout), api::etc_folder);
}

// The supervisor is gone. The life ends when its unit is gone too: until then the unit's name is taken.
void Lifecycle::on_lost(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (!machine || !machine->control) return;
    drop_control(*machine);
    if (!is_active(machine->life)) return found_dead(*machine);  // found by this holmd, and gone before its first word
    if (!machine->ended)
        if (auto text = read_regular_file(api::result_path(name), max_outcome))
            if (auto outcome = parse_outcome(*text)) take_last_word(*machine, std::move(*outcome));
    // One that is there has been cut off by an error of ours.
    if (!machine->ended && std::exchange(machine->heard, false) && connect(*machine)) return;
    if (!machine->ended) return handle(name, {.kind = EventKind::SupervisorLost, .why = describe_loss()});
    if (machine->life.unit == UnitForm::Service || machine->unit_gone || !host_.bus.connected()) return end_life(*machine);
    stop_empty_scope(*machine);
    auto deadline = host_.loop.after(unit_deadline, [this, name] {
        enqueue([this, name] {
            MachineEntry* waiting = lookup(name);
            if (waiting && waiting->ended) end_life(*waiting);
        });
    });
    if (deadline) machine->deadline = std::move(*deadline);
    else end_life(*machine);
}

// Tells systemd that the scope is empty: the kernel tells changes of cgroup.events at most every 10 ms (cgroup_file_notify of
// kernel/cgroup/cgroup.c), which a short command would wait for. Where it cannot be told, systemd hears it so.
void Lifecycle::stop_empty_scope(MachineEntry& machine)
{
    if (!machine.supervisor || machine.stop_job != 0) return;
    auto exited = host_.loop.watch_io(machine.supervisor.get(), EPOLLIN, [this, name = machine.name](uint32_t) {
        MachineEntry* empty = lookup(name);
        if (!empty) return;
        empty->supervisor_exit.reset();
        empty->empty_operation = host_.units.run_job(systemd::UnitVerb::Stop, unit_of(*empty), [](const Result<>&) {});
    });
    if (exited) machine.supervisor_exit = std::move(*exited);
}

// From the queue: the machine may be forgotten by it.
void Lifecycle::end_life(MachineEntry& machine)
{
    Event event = event_of(machine, EventKind::Ended);
    event.result = machine.ended->result;
    event.status = machine.ended->status;
    event.asked = machine.ended->asked;
    event.why = machine.ended->why;
    handle(machine.name, event);
}

// A datagram of a supervisor that has come up: of a service after PrepareMachine, or of any while holmd starts.
void Lifecycle::on_supervisor_up(const MachineName& name)
{
    enqueue([this, name] { meet_again(name, 0); });
}

// It listens: where it cannot be reached for what may pass, like a want of descriptors, it is tried again while its unit has processes.
void Lifecycle::meet_again(const MachineName& name, unsigned attempt)
{
    if (meet_supervisor(name)) return;
    MachineEntry& machine = entry(name);
    const bool there = is_populated(machine.control_group);
    auto again = [this, name, attempt] { enqueue([this, name, attempt] { meet_again(name, attempt + 1); }); };
    if (there && attempt < meeting_attempts)
        if (auto later = host_.loop.after(meeting_pause, again)) {
            machine.deadline = std::move(*later);
            return;
        }
    if (there) kill_unit(machine);
    handle(name, {.kind = EventKind::SupervisorLost, .why = describe_loss()});
}

// False: it cannot be reached. Perhaps it has come and gone, and has left no word. What a short command leaves is the file: it may end
// before it is met.
bool Lifecycle::meet_supervisor(const MachineName& name)
{
    MachineEntry* machine = lookup(name);
    if (!machine || machine->control || !machine->plan || !is_active(machine->life)) return true;
    auto connected = connect(*machine);
    if (connected) return true;
    if (end_as_written(*machine)) return true;
    log_warning("machine '{}': {}", name.text(), connected.error().text);
    return false;
}

// Of a supervisor that has ended before it was met.
bool Lifecycle::end_as_written(MachineEntry& machine)
{
    auto text = read_regular_file(api::result_path(machine.name), max_outcome);
    auto outcome = text ? parse_outcome(*text) : std::nullopt;
    if (!outcome) return false;
    take_last_word(machine, std::move(*outcome));
    end_life(machine);
    return true;
}

}  // namespace holm::daemon
