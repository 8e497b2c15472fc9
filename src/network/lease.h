// Leases: which addresses of a segment a machine's endpoint has; stable over restarts, reboots and removal of others. Pure. On disk
// /var/lib/holm/networks/NETWORK/MACHINE.lease, TOML, written by the planner under the lock of the network.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/address.h"
#include "network/segment.h"

namespace holm::network {

struct Lease {
    std::string machine;
    std::string interface;  // inside: two endpoints of one machine on one network are told apart by it
    Mac mac{};
    std::vector<Address> addresses;  // in the order of the segment's subnets
    bool operator==(const Lease&) const = default;
};

struct LeaseRequest {
    std::string machine;  // its name
    std::string uuid;     // 32 hex digits: what the MAC is derived of, with network and interface
    std::string interface;
    std::string mac;                     // "" : derived, locally administered (x2:…), stable
    std::vector<std::string> addresses;  // asked for in the definition; "" and missing: drawn
};

// `before`: its former lease, kept where it still fits the segment and the request. V4: the slot that the machine's name hashes to, else
// the next free one; never network, broadcast or gateway. V6: the block and the EUI-64 of the MAC. Errors: Busy ("network 'lan'
// (10.0.0.0/26) is full: 61 of 61 addresses are taken"), also for an address or MAC that another lease has (named); Invalid, for an
// address outside every subnet, or network, broadcast, gateway.
// One address of the first subnet of each family, and all that are asked for, in the order of the subnets.
Result<Lease> plan_lease(const Segment& segment, const LeaseRequest& request, const Lease* before, std::span<const Lease> others);

// The MAC of an endpoint that asks for none: locally administered, the same for the same machine, network and interface. `attempt`
// gives another, where the one before is taken.
Mac derive_mac(std::string_view uuid, std::string_view network, std::string_view interface, unsigned attempt = 0);

std::string describe_lease(const Lease& lease);
Result<Lease> parse_lease(std::string_view text, const std::string& path);

}  // namespace holm::network
