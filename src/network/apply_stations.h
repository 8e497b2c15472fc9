// The machines of a VXLAN's other hosts, as its forwarding table and the neighbours of its bridge have them: a frame for one goes to its
// host alone, and ARP or neighbour discovery for it is answered on this host (neigh_suppress). Applies; outside. Idempotent.
#pragma once

#include <span>

#include "base/error.h"
#include "network/segment.h"
#include "network/station.h"

namespace holm::network {

// These and no others that were told so; what is so already is not touched. With EVPN the speaker says it, and nothing is done.
Result<> lead_to_stations(const Segment& segment, std::span<const Station> stations);

}  // namespace holm::network
