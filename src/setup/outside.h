// Outside: one boot of a payload, from the supervisor's "boot" to "go". Effects; outside until the clone, whose child goes on inside.
#pragma once

#include "base/error.h"
#include "setup/status.h"

namespace holm::setup {

// Reads the plan, takes its locks, makes the namespaces, builds the root, says "go" to the child. In the child, which becomes the payload,
// it returns only on failure.
Result<> boot(Status& status);

}  // namespace holm::setup
