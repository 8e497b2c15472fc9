// Station: what the kernel is told of those behind a port of a bridge: at which host of a VXLAN a MAC is, and which MAC has an address, so
// that neither is asked of all. Only entries told so (extern_learn, bridge(8)), which others of the kernel do not age. Effects.
#pragma once

#include <vector>

#include "base/error.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "kernel/route.h"

namespace holm::kernel {

struct ForwardEntry {
    HardwareAddress mac{};
    IpBytes destination;
    auto operator<=>(const ForwardEntry&) const = default;
};
// Of the VXLAN with this index.
Result<std::vector<ForwardEntry>> list_forwards(Netlink& netlink, int index);
// For the VXLAN, and for the bridge that it is a port of. Each is to be sent for itself: one that is gone already is ENOENT.
std::vector<NetlinkRequest> add_forward_requests(int index, const ForwardEntry& entry);
std::vector<NetlinkRequest> remove_forward_requests(int index, const ForwardEntry& entry);

struct Neighbour {
    IpBytes address;
    HardwareAddress mac{};
    auto operator<=>(const Neighbour&) const = default;
};
// Of the interface with this index.
Result<std::vector<Neighbour>> list_neighbours(Netlink& netlink, int index);
NetlinkRequest add_neighbour_request(int index, const Neighbour& neighbour);
NetlinkRequest remove_neighbour_request(int index, const Neighbour& neighbour);

}  // namespace holm::kernel
