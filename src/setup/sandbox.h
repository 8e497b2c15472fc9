// Sandbox: a payload, or a further command, that an OCI runtime runs. The process that would have become it stands for it instead: it
// takes its signals and ends as it does. All of it is in the machine's namespaces, the runtime in a mount namespace below. Effects; inside.
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "launch/plan.h"
#include "setup/payload.h"
#include "setup/status.h"

namespace holm::setup {

struct Sandbox {
    const launch::Plan& plan;
    Fd program;  // of the runtime
    Fd root;     // of the runtime (rootfs::take_runtime_root); for a further command none, it is entered
};

// In the place of launch_payload, as PID 1 of the machine. Returns only on failure, else exits with the payload's status, 128+N for a
// signal N; the runtime's own failure before the payload runs is an error, a later one is status 128, and said on standard error.
Result<> launch_in_sandbox(Launch launch, Sandbox sandbox, Status& status);

// In the place of launch_payload, of a command in a machine that runs.
Result<> exec_in_sandbox(Launch launch, Sandbox sandbox, Status& status);

}  // namespace holm::setup
