// What planning needs to know of the host besides the paths of a root. Reads; outside.
#pragma once

#include "base/error.h"
#include "launch/facts.h"

namespace holm::daemon {

Result<launch::HostFacts> observe_host();

}  // namespace holm::daemon
