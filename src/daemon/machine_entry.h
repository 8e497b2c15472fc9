// MachineEntry: what holmd holds of one machine while it lives here. All of it can be made anew from /run/holm, the supervisor and
// systemd, but for the calls that wait. A value with owners; daemon/lifecycle alone changes it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/control_client.h"
#include "daemon/outcome.h"
#include "daemon/records.h"
#include "daemon/reply.h"
#include "daemon/supervisor_process.h"
#include "daemon/worker.h"
#include "launch/plan.h"
#include "machine/name.h"
#include "machine/spec.h"
#include "machine/state.h"
#include "systemd/unit.h"

namespace holm::daemon {

// RunMachine, from its call to "go".
struct RunRequest {
    machine::Spec spec;
    std::string definition;
    bool remove = false;
    bool detach = false;
    bool has_waited = false;  // for the end of a machine of the same name
    launch::Console console = launch::Console::Terminal;
    std::string term;
    uint32_t rows = 0, columns = 0;  // 0: unknown
    std::vector<Fd> fds;             // none, or the payload's standard input, output and error
    Reply reply;
};

// RemoveMachine, until all of the machine is gone.
struct Removal {
    Reply reply;
    bool may_be_enabled = false;  // its unit is disabled then, and systemd reads its units again
};

// CLOCK_REALTIME in µs; 0: not yet.
struct Times {
    uint64_t created = 0;  // of this life: its plan
    uint64_t started = 0;  // of this boot: its leader
    uint64_t ready = 0;
};

// The steps of a start that are holmd's, CLOCK_MONOTONIC in µs; 0: not yet, or under an earlier holmd.
struct StartMoments {
    uint64_t asked = 0;    // by a client, or by systemd
    uint64_t planned = 0;  // its plan is saved
    uint64_t told = 0;     // its unit is there, and its supervisor has the plan
};

struct MachineEntry {
    explicit MachineEntry(machine::MachineName name_) : name(std::move(name_)) {}

    machine::MachineName name;
    machine::Life life;
    std::optional<Error> failure;      // of the step that failed: what its reply says
    std::optional<launch::Plan> plan;  // of plan.toml
    std::optional<LastRun> last;       // how the last life ended
    Times times;
    StartMoments moments;
    std::string control_group;  // of the unit

    std::unique_ptr<ControlClient> control;
    SupervisorState told;          // its latest word,
    bool heard = false;            // if there was one: it listens
    std::optional<Outcome> ended;  // its last word: the life ends when its unit is gone too
    bool unit_gone = false;
    bool found = false;  // it ran when this holmd started: the first that is heard of it is no news
    pid_t registered_leader = 0;

    std::unique_ptr<Worker> planner, checker;  // checker: of what is to be restarted
    bool is_releasing = false;                 // what it had claimed is being taken back
    std::optional<SupervisorProcess> blocked;  // a scope's supervisor until "go"
    unsigned failed_releases = 0;              // in a row,
    systemd::Source release_pause;             // and until the next
    Fd supervisor;                             // pidfd of it from then on, where this holmd has started it
    systemd::Source supervisor_exit;
    systemd::Operation start_operation, stop_operation, kill_operation, restart_operation, properties_operation, empty_operation;
    unsigned starts = 0;           // asked of systemd: what it says of an earlier one is about no life that there is
    systemd::Source deadline;      // of the present wait
    systemd::Source asking_pause;  // until systemd is asked again what it has not heard or not answered

    uint32_t start_job = 0, stop_job = 0, restart_job = 0;
    std::unique_ptr<RunRequest> run;  // large, and of a short life
    Fd session;  // of the client that runs it in the foreground, the supervisor's side: its end tells that nothing is left
    std::optional<Reply> prepare;
    std::optional<Removal> removal;
    std::vector<Reply> restarts;      // that wait for the checker
    std::string hold;                 // asked of the next start
    std::string changing;             // why it cannot start: "being cloned as 'new'"; "" where nothing is done to it
    std::unique_ptr<Worker> changer;  // of the machine that it was asked of
    bool kept_still = false;          // for a copy of what it has written: nobody lets it go on meanwhile
    bool stood_still = false;         // and since the first word of that it has not gone on
    bool changed_running = false;     // what was begun while it ran: systemd starts it anew at the end of that
    std::unique_ptr<Worker> applier;  // makes it what its definition says, or what it was
    systemd::Operation apply_operation;
    systemd::UnitProperties unit_state;  // of its unit, as it was read for the last comparison
    systemd::Source confirmation;        // the end of the time for it
    // What goes on when the supervisor has answered, or is gone, that was asked to freeze or thaw for it.
    std::move_only_function<void(Result<>)> on_answer;
    systemd::Operation reload_operation;
    std::vector<systemd::Callback> when_gone;  // done once the unit is gone and what was claimed is released
};

}  // namespace holm::daemon
