// Live networks: what a machine that runs joins, leaves and publishes. The plan in /run is changed first, so that whatever happens its
// end takes all of it back, and a reboot of the payload has the same. Effects: makes a process.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "daemon/machine_entry.h"
#include "daemon/planner_child.h"
#include "daemon/worker.h"
#include "kernel/definition_files.h"
#include "machine/settings.h"

namespace holm::daemon {

enum class NetworkChange { Connect, Disconnect, Publish, Unpublish };

struct NetworkChangeRequest {
    NetworkChange change = NetworkChange::Connect;
    std::string what = {};  // the network (to leave it, also the interface), or the port as in a definition
    bool runtime = false;   // until the machine's next start: nothing is kept
    kernel::Places places = {};
    machine::Settings settings = {};
};

// The plan that is given back is the one that is in plan.toml now; other connections of the machine go on. Errors: Invalid, NotFound,
// Exists, Busy, NotSupported, each with the machine as it was.
std::unique_ptr<Worker> start_changing_networks(systemd::Loop& loop, const MachineEntry& machine, NetworkChangeRequest request,
                                                Planned changed);

}  // namespace holm::daemon
