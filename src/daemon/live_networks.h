// Live networks: what a machine that runs joins, leaves and publishes. The plan in /run is changed first, so that whatever happens its
// end takes all of it back, and a reboot of the payload has the same. Effects: makes a process.
#pragma once

#include <functional>
#include <memory>
#include <optional>
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
    std::string what = {};   // the network (to leave it, also the interface), or the port as in a definition
    bool runtime = false;    // until the machine's next start: nothing is kept
    std::string kept = {};   // the file where the next start finds it; "": none
    bool is_record = false;  // that file is the machine's record
    kernel::Places places = {};
    machine::Settings settings = {};
};

// The plan that is in plan.toml now; none of a machine that does not run.
using NetworksChanged = std::move_only_function<void(Result<std::optional<launch::Plan>>)>;

// Kept first, then done live: what cannot be done live is not kept. Other connections of the machine go on. `running` is null where it does
// not run: then it is kept alone. Errors: Invalid, NotFound, Exists, Busy, NotSupported, each with the machine as it was.
std::unique_ptr<Worker> start_changing_networks(systemd::Loop& loop, const machine::MachineName& name, const MachineEntry* running,
                                                NetworkChangeRequest request, NetworksChanged changed);

// What the kept half asks of the live one: whether the endpoint joins what `network` names, as [[network]] has it or by its interface; and
// the interface of the endpoint on which a port is published. Errors: Invalid, where none can.
bool is_endpoint_of(const network::Endpoint& endpoint, const std::string& network);
Result<std::string> find_publishing_interface(const network::Plan& plan, const network::Publication& published);

}  // namespace holm::daemon
