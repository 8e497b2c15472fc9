// What planning needs to know of the host besides the paths of a root. Reads; outside.
#pragma once

#include "base/error.h"
#include "launch/facts.h"

namespace holm::daemon {

// As the machine asks for it.
Result<launch::HostFacts> observe_host(const machine::Spec& spec);

}  // namespace holm::daemon
