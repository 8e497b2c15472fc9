// Locks: what two machines must not use at once. OFD locks (fcntl(2)) on files named by what they stand for, so that they end with their
// holders and no stale one is left. Applies; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "launch/plan.h"
#include "setup/status.h"

namespace holm::setup {

// Takes the locks of the plan, and sends each up: the supervisor holds them to the end of the unit. Errors: Busy, with the holder's name.
Result<> take_locks(const launch::Plan& plan, Status& status);

}  // namespace holm::setup
