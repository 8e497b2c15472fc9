// A machine's interfaces: made from outside by holm-setup before PID 1 runs, at each boot of the payload. They go with the namespace.
// Applies.
#pragma once

#include <span>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// Outside, while the child waits; programs of one thread only. Makes each pair with one RTM_NEWLINK (veth; both names, MAC, MTU, the inner
// end in the namespace of `pid`, the outer on its bridge), then up; a leftover of the same host-side name is removed. Then, on a socket
// opened in the machine's network namespace `network_namespace` (a file of /proc/PID/ns or a pidfd): loopback up, each up, addresses
// (IFA_F_NODAD), routes. On return packets go through. A failure leaves no end on the host. Physical ones
// are there already, by move_in of apply_physical.h. Errors name interface and network.
Result<> apply_outside(const Plan& plan, int pid, int network_namespace);
// Outside: takes one's ends on the host away again, whatever the machine has made of it; the other end goes with it. What is not there
// is no error, nor is an endpoint without an end on the host: that goes by remove_inside, in the machine's network namespace, but for a
// physical one.
Result<> remove_outside(const Endpoint& endpoint);
// The same of all endpoints of machines that have ended, by a process that ends soon and makes no other: it returns when they are gone from
// sight.
Result<> remove_ended(std::span<const Plan* const> plans);
Result<> remove_inside(const Endpoint& endpoint, int network_namespace);
// Outside: a machine that publishes ports reaches them itself.
Result<> allow_hairpin(const Endpoint& endpoint);
// Outside: its rates are others from now on; its addresses and connections stay.
Result<> change_rates(const Endpoint& endpoint);
// Outside: the default routes of a machine of whose endpoints some have come or gone, by the first that has one of each family.
Result<> change_routes(const Plan& plan, int network_namespace);
// Inside: for kinds with no endpoints: the loopback.
Result<> apply_inside(const Plan& plan);

}  // namespace holm::network
