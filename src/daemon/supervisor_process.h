// The supervisor of a scope, as holmd makes it: with a clean start state and one end of its control channel. Effects: makes a process.
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "base/fd.h"
#include "machine/name.h"

namespace holm::daemon {

struct SupervisorProcess {
    pid_t pid = 0;
    Fd process;  // pidfd
    Fd channel;  // control conversation (launch/channel.h), not blocking; the supervisor waits in it for "go"
};

// Nothing of holmd's environment, descriptors, session and signal state goes with it, but for standard error.
Result<SupervisorProcess> spawn_supervisor(const machine::MachineName& name);

}  // namespace holm::daemon
