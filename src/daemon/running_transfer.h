// A copy that is being made for a caller. A value with owners: destroyed, it ends.
#pragma once

#include <memory>

#include "daemon/caller_watch.h"
#include "daemon/worker.h"

namespace holm::daemon {

struct RunningTransfer {
    std::unique_ptr<CallerWatch> caller;
    std::unique_ptr<Worker> worker;
};

}  // namespace holm::daemon
