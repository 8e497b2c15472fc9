// What of a link of the host decides whether a machine can have it. Observes; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// As the kernel has it; who of holm has to do with it is the caller's to say.
Result<FoundLink> observe_link(const std::string& name);

}  // namespace holm::network
