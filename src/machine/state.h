// The life of a machine: step(life, event) → the next life and what is to be done. Pure: no I/O, no clock, no bus.
//
// Whoever interprets the actions (daemon/lifecycle) does them in their order and posts what comes of each as an event. A
// restart of holmd is no special case: it begins with Life{} for each machine, posts what the supervisor says of itself
// (SupervisorStarting, Started, Ready, Stopping), or FoundDead where only leftovers are found. While a service is Asked or
// Planning its supervisor has no channel yet: that it died is known from its unit (UnitFailed).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holm::machine {

// What users see. Frozen and started stand beside it.
enum class State { Stopped, Starting, Running, Stopping, Failed };

// Where exactly a machine is: State with the steps of a start told apart.
enum class Stage {
    Stopped,
    Failed,    // the last start or end was no good: Life::why
    Asked,     // service: systemd was asked for the unit, which has not asked for its plan yet
    Planning,  // the planner child runs
    Entering,  // scope: the supervisor is spawned and blocked, systemd was asked for its scope
    Booting,   // the supervisor is at work; ends with Ready
    Running,
    Stopping,
};

enum class UnitForm { Scope, Service };

// What becomes of a machine's record at its end.
enum class Record {
    None,       // it has a definition
    Kept,       // `run`: until it is removed
    Fresh,      // `run`, made by this very start: Kept once the payload has started, removed when it never does
    Temporary,  // `run --rm`: removed at the end
};

// How the payload came to its end: `result` of the supervisor's last word (launch/channel.h).
enum class EndResult { Exited, Signalled, Failed, Poweroff, Killed };

enum class EventKind {
    StartRequested,      // by a client {unit, record}
    PrepareRequested,    // service: the supervisor asks for its plan
    Planned,             // the plan is saved
    PlanFailed,          // {why}
    UnitStarted,         // systemd's job for the unit is done
    UnitFailed,          // the spawn, the call or the job failed, or the unit is gone with no word of its supervisor {why, asked}
    SupervisorStarting,  // a boot of the payload begins, also a reboot
    Started,             // the payload was exec'ed {boots}
    Ready,               // the ready gate is passed
    Stopping,            // the supervisor shuts the payload down: asked by us, by systemd, from inside or by a deadline
    Ended,               // the supervisor's last word {result, status, why}
    SupervisorLost,      // the supervisor is gone without a last word {why, where it is known}
    FoundDead,           // when holmd starts: a plan in /run and no supervisor {its last word; result = Failed where there is none}
    Frozen,
    Thawed,
    StopRequested,       // by a client: orderly
    TerminateRequested,  // by a client: at once
    RemoveRequested,     // by a client: the record, the upper, the identity
    Timeout,             // the deadline of the present stage passed {why}
    RestartFailed,       // service: systemd has stopped its unit and not started it again {why}
};

struct Event {
    EventKind kind;
    UnitForm unit = UnitForm::Scope;       // StartRequested; those of a supervisor that is found
    Record record = Record::None;          // StartRequested; those of a supervisor that is found
    unsigned boots = 1;                    // Started
    EndResult result = EndResult::Exited;  // Ended, FoundDead
    int status = 0;                        // of the result: exit status or signal
    bool asked = false;                    // Ended, FoundDead, UnitFailed: somebody wanted the end, and it came in time
    std::string why;                       // a sentence
};

// Whether the end of a payload is a success.
bool is_good(const Event& event);

enum class Action {
    Plan,             // observe, plan, save: ends with Planned or PlanFailed
    CancelPlan,       // end the planner child; its event must not come any more
    AnswerPrepare,    // service: the reply to PrepareMachine: the plan's path
    RefusePrepare,    // service: its error reply: Life::why
    SpawnSupervisor,  // scope: blocked until "go". A failure is UnitFailed
    StartScope,       // StartTransientUnit: ends with UnitStarted or UnitFailed; not done after a failed SpawnSupervisor
    Go,               // "go" to the supervisor
    StartService,     // StartUnit: PrepareRequested follows, or UnitFailed
    StopUnit,         // StopUnit: the supervisor, if there is one, then says Stopping and Ended. Unit gone without that: UnitFailed
    Terminate,        // kill the supervisor that is still blocked, or all of the payload by cgroup.kill; then StopUnit
    Register,         // with machined, where it runs; nothing if it has this leader already
    Unregister,       // from machined
    EmitNew,          // MachineNew
    EmitRemoved,      // MachineRemoved
    PublishState,     // PropertiesChanged
    StartDone,        // the pending start job's result
    StartFailed,      // Life::why; "": nobody knows
    StartCanceled,    // it was stopped, or came to a good end before it was ready
    StopDone,         // the pending stop job's result; with none pending: of the request that is being answered
    RefuseBusy,       // the request that is being answered: the state does not allow it
    Release,          // lease, id range, plan file, all that is released by name; idempotent
    RemoveRecord,     // record, upper of holm's making, identity
};

struct Life {
    Stage stage = Stage::Stopped;
    UnitForm unit = UnitForm::Scope;
    Record record = Record::None;
    bool started = false;  // the payload has been exec'ed in this boot: exec, attach and kill work
    bool frozen = false;
    unsigned boots = 0;        // of the payload, in this life of the unit
    bool announced = false;    // MachineNew was emitted
    bool registered = false;   // with machined
    bool start_job = false;    // a start job waits for its result
    bool stop_job = false;     // a stop job waits for its result
    bool stop_asked = false;   // by a client
    bool terminating = false;  // by a client
    std::string why;           // of the last failure: a sentence
    bool operator==(const Life&) const = default;
};

struct Step {
    Life next;
    std::vector<Action> actions;
    bool operator==(const Step&) const = default;
};

// What an event makes of a life. Every pair is defined: an event that means nothing here changes nothing.
Step step(const Life& life, const Event& event);

State state_of(Stage stage);
inline State state_of(const Life& life)
{
    return state_of(life.stage);
}
// "stopped", "starting", "running", "stopping", "failed".
std::string_view describe_state(State state);
// Whether a unit of the machine exists or is being made: ListMachines has it once it is `announced`.
inline bool is_active(const Life& life)
{
    return life.stage != Stage::Stopped && life.stage != Stage::Failed;
}

}  // namespace holm::machine
