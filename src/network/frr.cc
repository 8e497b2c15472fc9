#include "network/frr.h"

#include "base/text.h"

namespace holm::network {

std::string describe_frr(const Segment& segment)
{
    const Tunnel& tunnel = segment.tunnel;
    if (tunnel.id == 0 || !tunnel.evpn) return "";
    std::string text =
        fmt::format("! Network '{}', VXLAN {}: with bgpd=yes in /etc/frr/daemons. One of these serves all networks of the host.\n",
                    segment.name, tunnel.id);
    text += "router bgp 65000\n";
    if (tunnel.local.family == Family::V4) text += fmt::format(" bgp router-id {}\n", describe(tunnel.local));
    else text += " ! bgp router-id N.N.N.N: one that no other host has\n";
    text += " no bgp default ipv4-unicast\n neighbor holm peer-group\n neighbor holm remote-as 65000\n neighbor holm timers 1 3\n";
    for (const Address& peer : tunnel.peers) text += fmt::format(" neighbor {} peer-group holm\n", describe(peer));
    if (tunnel.peers.empty()) text += " ! neighbor ADDRESS peer-group holm: a line for each other host, or for each route reflector\n";
    return text + " address-family l2vpn evpn\n  neighbor holm activate\n  advertise-all-vni\n exit-address-family\n";
}

}  // namespace holm::network
