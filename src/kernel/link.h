// Link: network interfaces by rtnetlink. What changes one is a request, for Netlink::change to send with others. Effects.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/netlink.h"

namespace holm::kernel {

using HardwareAddress = std::array<uint8_t, 6>;

struct Link {
    int index = 0;
    std::string name;
    std::string kind;  // "bridge", "veth", …; "": of hardware
    std::string alias;
    int master = 0;
    uint32_t mtu = 0;
    uint32_t group = 0;
    bool up = false;
    bool operational = false;  // up, and packets go through: the kernel finds that out some moment after
    HardwareAddress mac{};
    bool operator==(const Link&) const = default;
};

Result<std::optional<Link>> find_link(Netlink& netlink, const std::string& name);
Result<std::vector<Link>> list_links(Netlink& netlink);

struct Veth {
    std::string outer, inner;
    int pid = 0;  // whose network namespace the inner end is made in
    HardwareAddress inner_mac{};
    int master = 0;                         // 0: none
    uint32_t outer_mtu = 0, inner_mtu = 0;  // 0: the kernel's
};
// Both ends are down.
NetlinkRequest veth_request(const Veth& veth);

struct Macvlan {
    std::string inner, parent;
    int parent_index = 0;
    int pid = 0;
    HardwareAddress mac{};
    uint32_t mtu = 0;  // 0: the parent's
};
// Of mode bridge: those of one parent reach each other, and not the host.
NetlinkRequest macvlan_request(const Macvlan& macvlan);

struct Ipvlan {
    std::string inner, parent;
    int parent_index = 0;
    int pid = 0;
    uint32_t mtu = 0;  // 0: the parent's
};
// Of mode L2, with the parent's MAC: those of one parent reach each other, and not the host.
NetlinkRequest ipvlan_request(const Ipvlan& ipvlan);

struct Bridge {
    std::string name;
    HardwareAddress mac{};
    uint32_t mtu = 0;  // 0: the kernel's
};
// Down; without spanning tree and the delay of its ports, and without multicast snooping.
NetlinkRequest bridge_request(const Bridge& bridge);

// Whose addresses of IPv6 come of themselves when it goes up.
enum class LinkLocal {
    Keep,     // as it was
    ByHand,   // none
    OfTheMac  // the kernel's default
};
struct LinkChange {
    std::string name;
    bool up = false;  // false: as it was
    LinkLocal link_local = LinkLocal::Keep;
    std::string alias;  // "": as it was
    int master = 0;     // 0: as it was
    std::optional<HardwareAddress> mac;
    uint32_t mtu = 0;  // 0: as it was
};
NetlinkRequest link_request(const LinkChange& change);

// One that is not there (any more) is no error.
Result<> remove_link(Netlink& netlink, const Link& link);
// The same of some, until nobody can see them and their names are free: all at once, since each removal waits for RCU. What the kernel
// does after that takes tens of milliseconds (rcu_barrier in netdev_run_todo of net/core/dev.c), for which a thread of this process stays:
// for one that is about to end, and makes no other.
Result<> remove_links_from_sight(Netlink& netlink, const std::vector<Link>& links);

}  // namespace holm::kernel
