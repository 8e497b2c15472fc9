// A program of holm's own, started by holmd with a clean state: nothing of holmd's environment, descriptors, session and signal state
// goes with it, but for standard error and one descriptor. Effects: makes a process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace holm::daemon {

// `descriptor` becomes 3 there.
Result<pid_t> spawn_program(const std::string& program, std::vector<std::string> arguments, int descriptor);

// As many descriptors as the hard limit has: holmd needs some for each machine. What it spawns has the soft limit that it was started with,
// which is that of payloads.
void raise_descriptor_limit();

}  // namespace holm::daemon
