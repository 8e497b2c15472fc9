// What planning needs to know of the host besides the paths of a root. Reads; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "launch/facts.h"

namespace holm::daemon {

// `timezone`: as the machine asks for it.
Result<launch::HostFacts> observe_host(const std::string& timezone);

}  // namespace holm::daemon
