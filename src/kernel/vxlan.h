// Vxlan: tunnels of Ethernet over UDP (RFC 7348) by rtnetlink, as ports of bridges, and where their frames go. An IP address is its 4 or
// 16 bytes. Effects.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/netlink.h"
#include "kernel/route.h"

namespace holm::kernel {

struct Vxlan {
    std::string name;
    uint32_t id = 0;
    uint16_t port = 0;
    IpBytes local;
    bool learns = true;  // by what it receives, which host has an address
    uint32_t mtu = 0;
    int master = 0;  // its bridge
    bool operator==(const Vxlan&) const = default;
};
// Down.
NetlinkRequest vxlan_request(const Vxlan& vxlan);
// None where there is none of this name that is a VXLAN. Errors: Exists, where the name is another interface's.
Result<std::optional<Vxlan>> find_vxlan(Netlink& netlink, const std::string& name);

// How a bridge treats one of its ports.
struct PortMode {
    bool learns = true;           // by what comes in, which port has an address
    bool answers_for_it = false;  // neigh_suppress: what the host knows of neighbours behind it is not asked there
    bool operator==(const PortMode&) const = default;
};
NetlinkRequest port_mode_request(const std::string& port, const PortMode& mode);
Result<PortMode> read_port_mode(Netlink& netlink, const std::string& port);

// Where a VXLAN with this index sends what it knows no one place for, a copy each: of all MAC addresses, those set by hand.
Result<std::vector<IpBytes>> list_floods(Netlink& netlink, int index);
NetlinkRequest add_flood_request(int index, const IpBytes& destination);
NetlinkRequest remove_flood_request(int index, const IpBytes& destination);

}  // namespace holm::kernel
