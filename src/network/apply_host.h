// A network on the host: the bridge with its addresses, sysctls, firewall. Applies; outside. Idempotent: what is there as it should be
// is not touched, so a start on a network that is up costs two reads.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "network/ruleset.h"
#include "network/segment.h"

namespace holm::network {

// The bridge (STP off, no multicast snooping querier, accept_ra 0, stable MAC), its gateways' addresses (nodad), up; forwarding of the
// families that it has (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding with accept_ra=2 kept on the host's other interfaces that
// had 1); of a VXLAN the tunnel. Errors: Exists, where an interface of that name is no bridge of ours.
Result<> bring_up(const Segment& segment);
// Removes a bridge that is ours, and its tunnel; one that is not there is no error. sysctls stay.
Result<> take_down(const Segment& segment);
// Those of the endpoints that are on it are ports of it again, where the bridge was made anew. One that is gone is no error.
Result<> attach_ports(const Segment& segment, std::span<const Endpoint> endpoints);
// Whether its bridge is there, and its tunnel; of one that is not ours nothing is expected.
Result<bool> has_bridge(const Segment& segment);
// Whether it is up as bring_up leaves it.
Result<bool> is_up(const Segment& segment);

// Runs one transaction in this process (libnftables). Errors: with the first line that nft complains of.
Result<> apply_ruleset(const std::string& text);
// The same; where it is entries alone the kernel is told without nft, which would read first what there is.
Result<> apply_ruleset(const RulesetChange& change);
// Whether both tables of ours are there.
Result<bool> has_ruleset();

}  // namespace holm::network
