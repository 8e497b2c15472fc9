// What holmctl's exit status says (holmctl(1), EXIT STATUS). Pure.
#pragma once

#include "base/error.h"
#include "cli/verb_table.h"

namespace holm::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;      // of every verb: the command line cannot be understood
inline constexpr int exit_refused = 125;  // of run, exec and shell: all that holm refuses or fails
inline constexpr int exit_not_executable = 126;
inline constexpr int exit_no_command = 127;

// The status for an error of a verb.
int exit_status_of_error(Errc code, FailureStatus failure);

// The status that a shell gives for a command that a signal ended: 128+N.
int exit_status_of_signal(int signal);

}  // namespace holm::cli
