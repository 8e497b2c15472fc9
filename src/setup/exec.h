// Exec: a command in a machine that runs: joins its namespaces and starts there. Effects; outside until it has joined.
#pragma once

#include "base/error.h"
#include "setup/status.h"

namespace holm::setup {

// Answers the supervisor's "exec". The process that it makes, the supervisor's child, becomes the command; in it this returns only on
// failure.
Result<> exec_in_machine(Status& status);

}  // namespace holm::setup
