// State: the life of a machine as its supervisor sees it: step(state, event) changes the state and says what to do. Pure: no
// descriptor, no clock; the supervisor carries the actions out and posts what comes of them as further events.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "supervisor/outcome.h"

namespace holm::supervisor {

using Microseconds = std::chrono::microseconds;

// launch::Check and launch::Health, as holm-setup tells them.
struct Check {
    std::vector<std::string> command;
    uint16_t port = 0;  // 0: the command
    std::string what;
    bool operator==(const Check&) const = default;
};

enum class Restart { No, OnFailure, Always };
enum class OnUnhealthy { None, Restart, Stop };

struct HealthFacts {
    Check check;
    Microseconds interval = std::chrono::seconds(10), timeout = std::chrono::seconds(2);
    unsigned retries = 3;
    OnUnhealthy on_failure = OnUnhealthy::None;
    bool operator==(const HealthFacts&) const = default;
};

inline constexpr Microseconds restart_window = std::chrono::minutes(10);  // in which restart_limit restarts may be
inline constexpr Microseconds longest_delay = std::chrono::seconds(30);

// What the supervisor needs of the plan; told by holm-setup at each boot ("facts").
struct Facts {
    std::string init = "command";      // kind of init (launch::InitKind in small letters)
    bool boot = false;                 // the root's own init is PID 1
    bool terminal = false;             // a console kept by the supervisor; else pipes
    bool ready_by_notify = false;      // running at READY=1 of PID 1; else at exec
    bool remove = false;               // --rm
    std::optional<Check> ready_check;  // running once this holds
    std::optional<HealthFacts> health;
    Restart restart = Restart::No;
    Microseconds restart_delay = std::chrono::milliseconds(100);
    unsigned restart_limit = 5;  // 0: none
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
    Resting,   // nothing is left of a boot that went wrong; the next begins after a delay
    Ended,
};

enum class Intent {
    None,
    Stop,
    Reboot,
    Recover,  // it is unhealthy: it is to be started again
    GiveUp,   // it is unhealthy: it is to end
};

enum class Health { Unknown, Healthy, Unhealthy };

struct State {
    Phase phase = Phase::Waiting;
    Facts facts;
    int leader = 0;           // pid on the host of the payload's PID 1; 0: none now
    unsigned boots = 0;       // of the payload
    bool executed = false;    // in this boot
    bool ready = false;       // in this boot
    bool said_ready = false;  // its READY=1 came, maybe before the word that it was started
    bool frozen = false;
    std::string held;      // Booting: the step at which holm-setup waits; "": it does not
    std::string held_why;  // of a step that failed: a sentence
    Intent intent = Intent::None;
    bool again = false;                  // after Draining comes the next boot,
    bool retry = false;                  // by the policy of restarts
    bool was_ready = false;              // in this life of the unit: a first start that fails has failed
    std::vector<Microseconds> restarts;  // when, the last ten minutes alone
    unsigned restart_count = 0;          // by the policy, in this life of the unit
    std::string restarted_after;         // how the boot before the last of them ended: "exit status 3"
    Microseconds next_boot{0};           // Resting: CLOCK_MONOTONIC
    Microseconds now{0};                 // of the last event, CLOCK_MONOTONIC
    Health health = Health::Unknown;
    std::string unhealthy;  // why: a sentence
    int stands_for = 0;     // the signal in whose place SIGKILL was sent to the leader
    Outcome outcome;        // from Draining on
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
struct ReadyChecked {};    // what it is asked for to be ready holds
struct BootFailed {
    Error error;
    std::string step = {};  // of holm-setup
};
struct HeldAt {
    std::string step, why;
};
struct GoOnAsked {};
struct LeaderExited {
    WaitStatus status;
    bool out_of_memory = false;
};
struct PayloadGone {  // no process is left in payload/, and its console is drained
    uint64_t memory_kills = 0;
};
struct HealthChanged {
    Health health;
    std::string why;  // of Unhealthy
};
struct DeadlinePassed {};
struct StopAsked {};
struct BootAsked {};  // now, and not at the end of a rest
struct RebootAsked {};
struct TerminateAsked {};
struct SignalReplaced {
    int signal;
};  // SIGKILL went to the leader in the place of this one
struct FrozenChanged {
    bool frozen;
};

using Event = std::variant<PlanReady, Refused, FactsKnown, LeaderKnown, PayloadStarted, PayloadReady, ReadyChecked, BootFailed,
                           LeaderExited, PayloadGone, DeadlinePassed, StopAsked, BootAsked, RebootAsked, TerminateAsked, SignalReplaced,
                           FrozenChanged, HealthChanged, HeldAt, GoOnAsked>;

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
    TellHealth,    // to the journal and to systemd, as STATUS=
    TellHeld,      // to the journal, and to systemd, whose deadline does not run meanwhile
    GoOn,          // to holm-setup
    TellRest,      // the same: what went wrong, and when it is started again
    Publish,       // the state, to whoever subscribed
    End,           // result, last words, exit
};

std::vector<Action> step(State& state, const Event& event, Microseconds now = {});

// What is to be asked of the machine in its present phase.
enum class Checking { Nothing, Ready, Health };
Checking wanted_checks(const State& state);
// "healthy", "unhealthy", or "" where nobody asks.
const char* describe_health(const State& state);

// How long the phase may last; none: for ever.
std::optional<Microseconds> deadline(const State& state);

// The signal by which an init boots again by itself, 0: it has none, so it is stopped and booted again.
int reboot_signal(const Facts& facts);

// "starting", "started", "running", "stopping" or "ended" (launch/channel.h). A boot that follows is "starting" from the end of
// the old payload on; "stopping" is on the way to the end only.
const char* describe_phase(const State& state);

bool has_payload(const State& state);  // one that runs, or is stopping
// Whether exec, kill, freeze and the like make sense now. Errors: Busy, with the reason.
Result<> allow_on_payload(const State& state);
Result<> allow_exec(const State& state);
// A shell in what there is of it: also while its start is held, once it has a process.
Result<> allow_debug(const State& state);
// continue and abort.
Result<> allow_held(const State& state);
Result<> allow_reboot(const State& state);

}  // namespace holm::supervisor
