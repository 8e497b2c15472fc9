// What of networks is on disk: segments and leases as drawn (/var/lib/holm/networks/NAME), and what is up (/run/holm/networks/NAME).
// Observes and applies; in a child of holmd, under the lock.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "machine/name.h"
#include "network/lease.h"
#include "network/peers.h"
#include "network/ruleset.h"
#include "network/segment.h"

namespace holm::daemon {

// One change of networks at a time; waits. Held by the descriptor.
Result<Fd> lock_networks();
// Does not wait: an empty Fd where one is being made.
Result<Fd> try_to_lock_networks();

enum class Place {
    Drawn,  // kept over a boot of the host
    Up,
};

std::string network_folder(Place place, std::string_view network);
Result<std::optional<network::Segment>> read_segment(Place place, const std::string& network);
Result<> write_segment(Place place, const network::Segment& segment);
// All of a place, sorted by name. A broken one is said and skipped: it must not stop the others.
std::vector<network::Segment> list_segments(Place place);

// What the end of a network that was cut off has left of what is up.
void remove_remains();

// Where the tunnels of a network with a peers_file lead, while it is up. None where nothing was read yet.
Result<std::optional<network::Peers>> read_peers(const std::string& network);
Result<> write_peers(const std::string& network, const network::Peers& peers);

// MACHINE@INTERFACE.lease of a network. Nothing is written where it says so already.
Result<> write_lease(const std::string& network, const network::Lease& lease, Durable durable = Durable::Yes);
std::vector<network::Lease> list_leases(const std::string& network);
// Reads those of a machine, so that children of this process inherit what they say; and forgets that of one that is gone.
void read_leases(const machine::MachineName& machine, const network::Plan& plan);
void forget_leases(const machine::MachineName& machine);
// Of all networks. What cannot be removed is said.
void remove_leases(const machine::MachineName& machine);

// The ports that a machine publishes: in a file of /run/holm/machines/NAME, so that a start which looks at those of all others need not
// read their plans; and in one of the folder of holm-relay, which follows it. None: the files go.
Result<> write_ports(const machine::MachineName& machine, const network::Plan& plan);
struct Publisher {
    std::string machine;
    std::vector<network::Publication> published;
};
std::vector<Publisher> list_published(const machine::MachineName& but);

bool has_relayed();

// The leases of a machine under another name; those that have it already stay.
Result<> rename_leases(const machine::MachineName& from, const machine::MachineName& to);

// The endpoints of every machine that has a plan in /run, but `but`.
std::vector<network::MachineEndpoints> list_endpoints(const std::optional<machine::MachineName>& but = {});

}  // namespace holm::daemon
