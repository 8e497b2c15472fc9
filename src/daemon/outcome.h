// Outcome: how a run of a machine ended, as the supervisor says it: in its last message, and in the file `result` for a holmd that
// was not there (launch/channel.h). Also kept beside a record. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "machine/state.h"

namespace holm::daemon {

struct Outcome {
    machine::EndResult result = machine::EndResult::Exited;
    int status = 0;   // exit status or signal
    std::string why;  // of a failure: a sentence
    unsigned boots = 0;
    bool asked = false;  // somebody asked for the end, and it came in time: no status is a failure
    bool operator==(const Outcome&) const = default;
};

// "exited", "signalled", "failed", "poweroff", "killed".
std::string_view describe_result(machine::EndResult result);
std::optional<machine::EndResult> parse_result(std::string_view word);

// The lines result=, status=, why=, boots=, asked=; unknown keys are left for newer versions. Empty: not an outcome.
std::optional<Outcome> parse_outcome(std::string_view text);
std::string describe_outcome(const Outcome& outcome);

}  // namespace holm::daemon
