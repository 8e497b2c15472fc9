// Outcome: how a machine ended, and every form in which that is told: the file `result`, the exit code of a service. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::supervisor {

// What waitid(2) tells of a process.
struct WaitStatus {
    bool signalled = false;
    int value = 0;  // exit code, or signal
    bool operator==(const WaitStatus&) const = default;
};

enum class OutcomeKind {
    Exited,     // the payload's own end; status = its exit code
    Signalled,  // the payload was ended by a signal; status = the signal
    Failed,     // it was never started, or not ready in time; status = 1, error says why
    Poweroff,   // reboot(2) with halt or power-off from inside
    Killed,     // by `terminate`, or at the end of stop_timeout; status = 9
};

struct Outcome {
    OutcomeKind kind = OutcomeKind::Exited;
    int status = 0;
    bool asked = false;          // somebody asked for the end, and it came in time: no failure of the unit
    std::optional<Error> error;  // Failed always; Killed at a deadline, Signalled for want of memory
    std::string step = {};       // of machine::run_steps(), at which it ended
    bool operator==(const Outcome&) const = default;
};

// "exited", "signalled", "failed", "poweroff" or "killed".
const char* describe_kind(OutcomeKind kind);
// "exit status 3", "signal SIGKILL".
std::string describe_status(const WaitStatus& status);
// How it ended, in any case: the sentence of a failure, "exit status 3", "it powered off".
std::string describe_end(const Outcome& outcome);
// The sentence of a failure, or "".
std::string_view why(const Outcome& outcome);
// What the kernel has counted of the unit in its last boot.
struct Refusals {
    uint64_t memory_kills = 0;
    uint64_t tasks = 0;  // forks, by TasksMax
};
// The content of the file `result` (launch/channel.h), but for the lines of the console.
std::string describe_result(const Outcome& outcome, unsigned boots, const Refusals& refusals = {});
// Of the main process of a service: 0 for an orderly end, the payload's own code, 128+N for a signal, 1 for failures.
int exit_code(const Outcome& outcome);

}  // namespace holm::supervisor
