// Outcome: how a run of a machine ended, as the supervisor says it: in its last message, and in the file `result` for a holmd that
// was not there (launch/channel.h). Also kept beside a record. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/failure.h"
#include "machine/state.h"

namespace holm::daemon {

inline constexpr size_t max_outcome = 256 << 10;  // bytes of the file: a sentence, and lines of a console

struct Outcome {
    machine::EndResult result = machine::EndResult::Exited;
    int status = 0;   // exit status or signal
    std::string why;  // of a failure: a sentence
    unsigned boots = 0;
    bool asked = false;     // somebody asked for the end, and it came in time: no status is a failure
    std::string step = {};  // of machine::run_steps()
    int sys_errno = 0;
    uint64_t memory_kills = 0, tasks_refused = 0;  // as in machine::Failure
    std::string guest_unit = {};
    std::vector<std::string> console = {};  // its last lines
    bool operator==(const Outcome&) const = default;
};

// "exited", "signalled", "failed", "poweroff", "killed".
std::string_view describe_result(machine::EndResult result);
std::optional<machine::EndResult> parse_result(std::string_view word);

// The lines of the file `result` (launch/channel.h); unknown keys are left for newer versions. Empty: not an outcome.
std::optional<Outcome> parse_outcome(std::string_view text);
std::string describe_outcome(const Outcome& outcome);

// The same for a person.
machine::Failure failure_of(const Outcome& outcome);

}  // namespace holm::daemon
