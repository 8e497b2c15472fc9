// State: the life of a machine as its supervisor sees it: step(state, event) changes the state and says what to do. Pure: no
// descriptor, no clock; the supervisor carries the actions out and posts what comes of them as further events.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "supervisor/outcome.h"

namespace holm::supervisor {

using Microseconds = std::chrono::microseconds;

// What the supervisor needs of the plan; told by holm-setup at each boot ("facts").
struct Facts {
    std::string init = "command";  // kind of init (launch::InitKind in small letters)
    bool boot = false;             // the root's own init is PID 1
    bool terminal = false;         // a console kept by the supervisor; else pipes
    bool ready_by_notify = false;  // running at READY=1 of PID 1; else at exec
    bool remove = false;           // --rm
    int stop_signal = 15;
    Microseconds start_timeout = std::chrono::seconds(90);
    Microseconds stop_timeout = std::chrono::seconds(90);
    std::string unit;
    std::string empty;  // folder to be emptied at the end, or ""
    bool operator==(const Facts&) const = default;
};

enum class Phase {
    Waiting,  // for "go" (scope) or the plan (service)
    Booting,  // holm-setup is at work
    Started,  // the payload was exec'ed and is not yet ready
    Running,
    Stopping,  // asked to end, or to boot again: the payload has its signal, a deadline runs
    Draining,  // the leader is gone or given up: all of payload/ is killed and waited for
    Ended,
};

enum class Intent { None, Stop, Reboot };

struct State {
    Phase phase = Phase::Waiting;
    Facts facts;
    int leader = 0;           // pid on the host of the payload's PID 1; 0: none now
    unsigned boots = 0;       // of the payload
    bool ready = false;       // in this boot
    bool said_ready = false;  // its READY=1 came, maybe before the word that it was started
    bool frozen = false;
    Intent intent = Intent::None;
    bool again = false;  // after Draining comes the next boot
    int stands_for = 0;  // the signal in whose place SIGKILL was sent to the leader
    Outcome outcome;     // from Draining on
    bool operator==(const State&) const = default;
};

// What happened.
struct PlanReady {};  // "go", or the plan of a service: start
struct Refused {
    Error error;
};  // there will be no plan
struct FactsKnown {
    Facts facts;
};
struct LeaderKnown {
    int pid;
};
struct PayloadStarted {};  // the exec has been done
struct PayloadReady {};    // READY=1 of the leader
struct BootFailed {
    Error error;
};
struct LeaderExited {
    WaitStatus status;
    bool out_of_memory = false;
};
struct PayloadGone {};  // no process is left in payload/, and its console is drained
struct DeadlinePassed {};
struct StopAsked {};
struct RebootAsked {};
struct TerminateAsked {};
struct SignalReplaced {
    int signal;
};  // SIGKILL went to the leader in the place of this one
struct FrozenChanged {
    bool frozen;
};

using Event = std::variant<PlanReady, Refused, FactsKnown, LeaderKnown, PayloadStarted, PayloadReady, BootFailed, LeaderExited, PayloadGone,
                           DeadlinePassed, StopAsked, RebootAsked, TerminateAsked, SignalReplaced, FrozenChanged>;

// What is to be done, in this order.
enum class Action {
    Boot,         // a fresh payload/ and holm-setup into it
    ArmDeadline,  // of deadline(state), from now
    DisarmDeadline,
    SendStopSignal,    // the plan's, to the leader
    SendRebootSignal,  // of the kind of init
    Thaw,
    KillPayload,   // cgroup.kill, and holm-setup: then PayloadGone is awaited
    TellReady,     // READY=1 to the manager of a service; "ready" to the foreground client
    TellStarted,   // "started" to the foreground client
    TellStopping,  // STOPPING=1
    Publish,       // the state, to whoever subscribed
    End,           // result, last words, exit
};

std::vector<Action> step(State& state, const Event& event);

// How long the phase may last; none: for ever.
std::optional<Microseconds> deadline(const State& state);

// The signal by which an init boots again by itself, 0: it has none, so it is stopped and booted again.
int reboot_signal(const Facts& facts);

// "starting", "started", "running", "stopping" or "ended" (launch/channel.h). A boot that follows is "starting" from the end of
// the old payload on; "stopping" is on the way to the end only.
const char* describe_phase(const State& state);

// Whether exec, kill, freeze and the like make sense now. Errors: Busy, with the reason.
Result<> allow_on_payload(const State& state);
Result<> allow_exec(const State& state);
Result<> allow_reboot(const State& state);

}  // namespace holm::supervisor
