// The tunnel of a VXLAN: the port of its bridge that leads to other hosts, and where it leads. Applies; outside. Idempotent.
#pragma once

#include <span>

#include "base/error.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "network/segment.h"

namespace holm::network {

// It is a port of `bridge` and up, with the peers that the definition writes; what it was made for otherwise is made anew. Nothing for a
// segment without a tunnel. Errors: Exists, where an interface of that name is not ours, or the host has another VXLAN of this id.
Result<> bring_up_tunnel(kernel::Netlink& netlink, const Segment& segment, const kernel::Link& bridge);
// One that is not there is no error.
Result<> take_down_tunnel(kernel::Netlink& netlink, const Segment& segment);
Result<> take_down_tunnel(const Segment& segment);
Result<bool> has_tunnel(kernel::Netlink& netlink, const Segment& segment);
// What it knows no one place for goes to these and to no others; peers that stay are not interrupted. With EVPN the speaker says where.
Result<> lead_to(const Segment& segment, std::span<const Address> peers);

}  // namespace holm::network
