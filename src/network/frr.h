// Frr: what FRR (frr.conf(5) of https://frrouting.org) is to be told so that it says where the frames of a VXLAN go. Pure.
#pragma once

#include <string>

#include "network/segment.h"

namespace holm::network {

// BGP between the hosts with the address family of EVPN, for all VXLANs of the host; the peers of the definition are its neighbours. "" for
// a network that is not left to EVPN.
std::string describe_frr(const Segment& segment);

}  // namespace holm::network
