// A copy that is being made for a caller. A value with owners: destroyed, it ends.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/caller_watch.h"
#include "daemon/worker.h"
#include "systemd/loop.h"

namespace holm::daemon {

struct RunningTransfer {
    std::unique_ptr<CallerWatch> caller;
    std::unique_ptr<Worker> worker;
    std::vector<Fd> leaders;            // pidfds of its machines
    std::vector<systemd::Source> ends;  // of these
    std::optional<Error> why;           // one of them has ended
};

}  // namespace holm::daemon
