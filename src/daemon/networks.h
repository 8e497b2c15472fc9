// Networks: draws what a machine needs of them, brings them up with their first machine and down with their last, and keeps the
// firewall and the name service as the plans in /run say. Runs in children of holmd; applies; outside.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/definition_files.h"
#include "machine/name.h"
#include "machine/settings.h"
#include "machine/spec.h"
#include "network/plan.h"

namespace holm::daemon {

using Firewall = machine::Firewall;

struct NetworkRequest {
    machine::MachineName name;
    std::string uuid;
    kernel::Places places;
    std::optional<network::Cidr> pool;      // [network] pool of holm.toml, where it is set
    uint16_t dns_port = network::dns_port;  // the same
};

// The first three are called under lock_networks() of network_files.h.

// The segments and leases that the spec's networks give the machine, and the links that it moves. Draws; writes nothing. What of the
// networks this host cannot do is added to `warnings`.
Result<network::Facts> draw_networks(const NetworkRequest& request, const machine::Spec& spec, std::vector<std::string>& warnings);
// Errors: Busy, where another machine publishes one of its ports.
Result<> check_published(const machine::MachineName& name, const network::Plan& plan);
// Writes what was drawn, and brings everything up that the plan joins: bridges, firewall, names, ports of the loopback. Of a machine that
// is on networks already `facts` has those alone that are new. What a failure leaves is taken back by leave_networks. `leases`: those of a
// machine that is gone at its end need not outlive a power cut.
Result<> join_networks(const machine::MachineName& name, const network::Plan& plan, const network::Facts& facts, Firewall firewall,
                       Durable leases = Durable::Yes);
// The machine is off the networks that `leaving` has joined; a network that was its alone goes, a link that was the host's is its again. Of
// a machine that goes on `staying` is what it keeps. Idempotent, by name.
Result<> leave_networks(const machine::MachineName& name, const network::Plan& leaving, const network::Plan& staying = {});
// What is defined and not drawn yet, so that nothing else is drawn there. Of all networks but `network`.
void add_claims(const kernel::Places& places, std::string_view network, network::HostNetworks& host);
// Draws a network that is to be there without machines, and brings it up. Under the lock.
Result<> begin_network(const kernel::Places& places, const machine::Settings& settings, const std::string& network);
// Takes a network down that no machine is on; one that is not up is left alone. Under the lock.
Result<> end_network(const std::string& network);
// The tunnels of these networks lead where their peers_files say now. Of a bad one what was said before goes on to hold, and the reason is
// kept in peers.toml.
Result<> follow_peers(const std::set<std::string>& networks);
// The host as the plans in /run say, and the definitions that are persistent: after a start of holmd, or where somebody has taken our
// tables or a bridge away.
Result<> restore_networks(const kernel::Places& places, const machine::Settings& settings);

}  // namespace holm::daemon
