// What of the host's network decides plans. Observes; outside.
#pragma once

#include "base/error.h"
#include "network/segment.h"

namespace holm::network {

// Routes of all tables but local's own and `default`, and interfaces, by rtnetlink. `segments` is left empty.
Result<HostNetworks> observe_host();

}  // namespace holm::network
