#include "supervisor/state.h"

#include <signal.h>

#include <algorithm>

#include "machine/grammar.h"

namespace holm::supervisor {

bool has_payload(const State& state)
{
    return state.phase == Phase::Started || state.phase == Phase::Running || state.phase == Phase::Stopping;
}

namespace {

using Actions = std::vector<Action>;

Outcome failed(Error error, std::string step = "")
{
    return {OutcomeKind::Failed, 1, false, std::move(error), std::move(step)};
}

// The step of machine::run_steps() at which the machine is.
const char* step_of(const State& state)
{
    switch (state.phase) {
    case Phase::Waiting: return "plan";
    case Phase::Booting: return "program";
    case Phase::Started: return "ready";
    case Phase::Running: return "run";
    case Phase::Stopping: return state.intent == Intent::Stop || state.intent == Intent::Reboot ? "stop" : "run";
    case Phase::Draining:
    case Phase::Resting:
    case Phase::Ended: return "end";
    }
    return "";
}

// Whether the policy has it started again after this end. What was never ready is not: its start has failed.
bool wants_restart(const State& state, const Outcome& outcome)
{
    if (outcome.asked || !state.was_ready || state.facts.restart == Restart::No) return false;
    if (state.facts.restart == Restart::Always) return true;
    return outcome.kind != OutcomeKind::Poweroff && !(outcome.kind == OutcomeKind::Exited && outcome.status == 0);
}

Actions drain(State& state, Outcome outcome, bool again, bool retry = false)
{
    if (outcome.step.empty()) outcome.step = step_of(state);
    state.held.clear();
    state.held_why.clear();
    state.phase = Phase::Draining;
    state.again = again;
    state.retry = !again && (retry || wants_restart(state, outcome));
    if (state.retry) state.restarted_after = describe_end(outcome);
    state.outcome = std::move(outcome);
    return {Action::KillPayload, Action::ArmDeadline, Action::Publish};
}

Actions end(State& state)
{
    state.phase = Phase::Ended;
    state.leader = 0;
    return {Action::DisarmDeadline, Action::End};
}

Actions boot(State& state)
{
    state.phase = Phase::Booting;
    state.next_boot = Microseconds(0);
    state.leader = state.stands_for = 0;
    state.executed = state.ready = state.said_ready = state.frozen = state.again = state.retry = false;
    state.health = Health::Unknown;
    state.unhealthy.clear();
    state.outcome = {};
    state.intent = Intent::None;
    ++state.boots;
    return {Action::Boot, Action::ArmDeadline, Action::Publish};
}

// The delay before the next boot: restart_delay, doubled for each restart of the last ten minutes.
Microseconds rest_of(const State& state)
{
    Microseconds delay = state.facts.restart_delay;
    for (size_t i = 1; i < state.restarts.size() && delay < longest_delay; ++i) delay *= 2;
    return std::min(delay, std::max(longest_delay, state.facts.restart_delay));
}

// What went wrong in one boot has been cleaned up: a rest before the next, or the end where there were too many.
Actions rest(State& state, uint64_t memory_kills)
{
    if (memory_kills && !state.outcome.error)
        state.restarted_after += fmt::format(" ({} of its processes killed for want of memory)", memory_kills);
    std::erase_if(state.restarts, [&](Microseconds time) { return time + restart_window <= state.now; });
    if (state.facts.restart_limit && state.restarts.size() >= state.facts.restart_limit) {
        state.outcome =
            failed(error(Errc::Failed, "the machine ended {} times within 10min, more often than restart_limit allows; at last: {}",
                         state.restarts.size() + 1, state.restarted_after),
                   state.outcome.step);
        return end(state);
    }
    state.restarts.push_back(state.now);
    ++state.restart_count;
    state.next_boot = state.now + rest_of(state);
    state.phase = Phase::Resting;
    state.retry = false;
    return {Action::TellRest, Action::ArmDeadline, Action::Publish};
}

Actions ready(State& state)
{
    state.phase = Phase::Running;
    state.ready = state.was_ready = true;
    return {Action::DisarmDeadline, Action::Publish, Action::TellReady};  // holmd hears it before systemd ends the job
}

// What the end of PID 1 of a pid namespace tells: reboot(2) of a booted payload shows as SIGHUP (restart) or SIGINT (halt,
// power-off); a command that really died of one of these is told as that signal.
struct LeaderEnd {
    Outcome outcome;
    bool reboot = false;
};

LeaderEnd read_end(const State& state, const LeaderExited& event)
{
    const WaitStatus& status = event.status;
    if (!status.signalled) return {{OutcomeKind::Exited, status.value, false, {}}};
    if (state.facts.boot && status.value == SIGHUP) return {{OutcomeKind::Poweroff, 0, false, {}}, true};
    if (state.facts.boot && status.value == SIGINT) return {{OutcomeKind::Poweroff, 0, false, {}}};
    int signal = status.value == SIGKILL && state.stands_for ? state.stands_for : status.value;
    Outcome outcome{OutcomeKind::Signalled, signal, false, {}};
    if (event.out_of_memory) outcome.error = error(Errc::Failed, "the machine ran out of memory and was killed by the kernel");
    return {outcome};
}

// It ends because of that.
bool is_unhealthy(const State& state)
{
    return state.intent == Intent::Recover || state.intent == Intent::GiveUp;
}

Actions leader_exited(State& state, const LeaderExited& event)
{
    state.leader = 0;
    if (state.phase == Phase::Draining) return {};
    auto [outcome, reboot] = read_end(state, event);
    if (state.phase == Phase::Stopping) {
        outcome.asked = state.intent == Intent::Stop;
        if (is_unhealthy(state)) outcome = failed(error(Errc::Failed, "the machine is unhealthy: {}", state.unhealthy));
        return drain(state, outcome, state.intent == Intent::Reboot, state.intent == Intent::Recover);
    }
    if (reboot) return drain(state, outcome, true);
    // Started is a phase of those alone that say when they are ready: this one never will be.
    if (state.phase == Phase::Started) {
        std::string how = outcome.kind == OutcomeKind::Poweroff ? "it powered off" : describe_status(event.status);
        outcome =
            failed(error(Errc::Failed, "the machine ended before it was ready: {}{}", how, event.out_of_memory ? " (out of memory)" : ""));
    }
    return drain(state, outcome, false);
}

Actions deadline_passed(State& state)
{
    switch (state.phase) {
    case Phase::Booting:
        return drain(state,
                     failed(error(Errc::Timeout, "the machine was not started within {}",
                                  machine::describe_duration(deadline(state).value_or(machine::infinite)))),
                     false);
    case Phase::Started:
        return drain(state,
                     failed(error(Errc::Timeout, "the machine was not ready within {}: {}",
                                  machine::describe_duration(deadline(state).value_or(machine::infinite)),
                                  state.facts.ready_check ? state.facts.ready_check->what + " does not pass" : "no READY=1 from its init")),
                     false);
    case Phase::Stopping: {
        Error late = error(Errc::Timeout, "the machine did not stop within {} and was killed",
                           machine::describe_duration(deadline(state).value_or(machine::infinite)));
        if (is_unhealthy(state)) late = error(Errc::Failed, "the machine is unhealthy: {}", state.unhealthy);
        return drain(state,
                     {is_unhealthy(state) ? OutcomeKind::Failed : OutcomeKind::Killed, is_unhealthy(state) ? 1 : SIGKILL, false, late},
                     state.intent == Intent::Reboot, state.intent == Intent::Recover);
    }
    case Phase::Draining: state.outcome = failed(error(Errc::Timeout, "a process of the machine cannot be killed")); return end(state);
    case Phase::Resting: return boot(state);
    case Phase::Waiting:
    case Phase::Running:
    case Phase::Ended: return {};
    }
    return {};
}

Actions stop_asked(State& state)
{
    const Outcome stopped_early{OutcomeKind::Killed, SIGKILL, true, {}};
    switch (state.phase) {
    case Phase::Waiting: state.outcome = stopped_early; return end(state);
    case Phase::Booting: return drain(state, stopped_early, false);
    case Phase::Stopping:
        if (state.intent == Intent::Stop) return {};
        [[fallthrough]];  // asked to boot again before: now it is the end
    case Phase::Started:
    case Phase::Running:
        state.phase = Phase::Stopping;
        state.intent = Intent::Stop;
        if (state.frozen) return {Action::TellStopping, Action::SendStopSignal, Action::Thaw, Action::ArmDeadline, Action::Publish};
        return {Action::TellStopping, Action::SendStopSignal, Action::ArmDeadline, Action::Publish};
    case Phase::Draining:
        if (!state.again && !state.retry) return {};
        state.again = state.retry = false;
        state.outcome.asked = true;
        return {Action::Publish};
    case Phase::Resting: state.outcome = stopped_early; return end(state);
    case Phase::Ended: return {};
    }
    return {};
}

Actions terminate_asked(State& state)
{
    if (!has_payload(state)) return stop_asked(state);
    return drain(state, {OutcomeKind::Killed, SIGKILL, true, {}}, false);
}

Actions reboot_asked(State& state)
{
    if (!allow_reboot(state)) return {};
    state.phase = Phase::Stopping;
    state.intent = Intent::Reboot;
    Action signal = reboot_signal(state.facts) ? Action::SendRebootSignal : Action::SendStopSignal;
    if (state.frozen) return {signal, Action::Thaw, Action::ArmDeadline, Action::Publish};
    return {signal, Action::ArmDeadline, Action::Publish};
}

Actions health_changed(State& state, const HealthChanged& event)
{
    if (state.phase != Phase::Running || state.health == event.health) return {};
    state.health = event.health;
    state.unhealthy = event.why;
    if (event.health != Health::Unhealthy || !state.facts.health || state.facts.health->on_failure == OnUnhealthy::None)
        return {Action::TellHealth, Action::Publish};
    state.intent = state.facts.health->on_failure == OnUnhealthy::Restart ? Intent::Recover : Intent::GiveUp;
    state.phase = Phase::Stopping;
    if (state.intent == Intent::GiveUp)
        return {Action::TellHealth, Action::TellStopping, Action::SendStopSignal, Action::ArmDeadline, Action::Publish};
    return {Action::TellHealth, Action::SendStopSignal, Action::ArmDeadline, Action::Publish};
}

// One overload an event.
struct Step {
    State& state;

    Actions operator()(const PlanReady&) { return state.phase == Phase::Waiting ? boot(state) : Actions{}; }
    Actions operator()(const Refused& event)
    {
        if (state.phase != Phase::Waiting) return {};
        state.outcome = failed(event.error, "plan");
        return end(state);
    }
    Actions operator()(const FactsKnown& event)
    {
        state.facts = event.facts;
        return state.phase == Phase::Booting && state.held.empty() ? Actions{Action::ArmDeadline} : Actions{};
    }
    Actions operator()(const LeaderKnown& event)
    {
        state.leader = event.pid;
        return {};
    }
    Actions operator()(const PayloadStarted&)
    {
        if (state.phase != Phase::Booting) return {};
        state.phase = Phase::Started;
        state.executed = true;
        const bool waits = state.facts.ready_by_notify || state.facts.ready_check;
        if (waits && !state.said_ready) return {Action::TellStarted, Action::Publish};
        Actions actions = ready(state);
        actions.insert(actions.begin(), Action::TellStarted);
        return actions;
    }
    // Of an init that is up while what the machine is for is not yet: the check decides.
    Actions operator()(const PayloadReady&)
    {
        if (state.facts.ready_check) return {};
        state.said_ready = true;
        return state.phase == Phase::Started ? ready(state) : Actions{};
    }
    Actions operator()(const ReadyChecked&) { return state.phase == Phase::Started ? ready(state) : Actions{}; }
    Actions operator()(const BootFailed& event)
    {
        return state.phase == Phase::Booting ? drain(state, failed(event.error, event.step), false) : Actions{};
    }
    Actions operator()(const LeaderExited& event) { return leader_exited(state, event); }
    Actions operator()(const PayloadGone& event)
    {
        if (state.phase != Phase::Draining) return {};
        if (state.retry) return rest(state, event.memory_kills);
        return state.again ? boot(state) : end(state);
    }
    Actions operator()(const DeadlinePassed&) { return deadline_passed(state); }
    Actions operator()(const StopAsked&) { return stop_asked(state); }
    Actions operator()(const BootAsked&) { return state.phase == Phase::Resting ? boot(state) : Actions{}; }
    Actions operator()(const RebootAsked&) { return reboot_asked(state); }
    Actions operator()(const TerminateAsked&) { return terminate_asked(state); }
    Actions operator()(const SignalReplaced& event)
    {
        if (state.stands_for == 0) state.stands_for = event.signal;  // the first is the one it died of
        return {};
    }
    Actions operator()(const FrozenChanged& event)
    {
        if (state.frozen == event.frozen) return {};
        state.frozen = event.frozen;
        return {Action::Publish};
    }
    Actions operator()(const HeldAt& event)
    {
        if (state.phase != Phase::Booting) return {};
        state.held = event.step;
        state.held_why = event.why;
        return {Action::DisarmDeadline, Action::TellHeld, Action::Publish};
    }
    Actions operator()(const GoOnAsked&)
    {
        if (state.held.empty()) return {};
        state.held.clear();
        state.held_why.clear();
        return {Action::GoOn, Action::ArmDeadline, Action::Publish};
    }
    Actions operator()(const HealthChanged& event) { return health_changed(state, event); }
};

}  // namespace

Actions step(State& state, const Event& event, Microseconds now)
{
    state.now = now;
    return std::visit(Step{state}, event);
}

std::optional<Microseconds> deadline(const State& state)
{
    auto finite = [](Microseconds time) { return time == machine::infinite ? std::nullopt : std::optional(time); };
    switch (state.phase) {
    case Phase::Booting:
    case Phase::Started: return finite(state.facts.start_timeout);
    case Phase::Stopping: return finite(state.facts.stop_timeout);
    case Phase::Draining: return std::chrono::seconds(10);  // SIGKILL was sent: what is left sleeps in the kernel
    case Phase::Resting: return rest_of(state);
    case Phase::Waiting:
    case Phase::Running:
    case Phase::Ended: return {};
    }
    return {};
}

}  // namespace holm::supervisor
