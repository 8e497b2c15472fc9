// Kept networks: the half of a live change of networks that is kept, in [[network]] of the machine's drop-in or record. Reads and writes
// files of holm; in a child of holmd, under lock_networks().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "daemon/kept_change.h"
#include "daemon/live_networks.h"
#include "launch/plan.h"

namespace holm::daemon {

struct KeptNetworks {
    std::optional<KeptChange> change = {};           // none: nothing had to be written
    std::optional<machine::NetworkSpec> entry = {};  // of a network that is connected: what the definition says of it, with its interface
};

// Writes what the next start is to have, unless the request is for runtime alone. `live`: the machine as it runs, whose interfaces keep
// their names; null where it does not. Errors: Invalid, NotFound, and whatever a start with it would be refused for; nothing is written
// then.
Result<KeptNetworks> keep_networks(const machine::MachineName& name, const NetworkChangeRequest& request, const launch::Plan* live);

}  // namespace holm::daemon
