// Route: addresses and routes of interfaces by rtnetlink. An IP address is its 4 or 16 bytes. Effects.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/netlink.h"

namespace holm::kernel {

using IpBytes = std::vector<uint8_t>;

struct LinkAddress {
    IpBytes address;
    uint8_t length = 0;      // of its network
    bool tentative = false;  // IPv6: not usable yet
    bool operator==(const LinkAddress&) const = default;
};
// Those of the interface with this index.
Result<std::vector<LinkAddress>> list_addresses(Netlink& netlink, int index);

struct NewAddress {
    int index = 0;
    IpBytes address, broadcast;  // broadcast: none, of IPv6
    uint8_t length = 0;
    std::string name;  // of the interface, for errors
};
// Without a search for its duplicates; one that is there already is no error. One of IPv6 is usable when has_local says so.
NetlinkRequest address_request(const NewAddress& address);
// Whether packets to it are taken as the host's own. Of IPv6 a worker of the kernel's makes the route that says so.
Result<bool> has_local(Netlink& netlink, const IpBytes& address);

// The index of the interface that has this address; 0: none has.
Result<int> find_holder(Netlink& netlink, const IpBytes& address);

// How packets to an address leave the host.
struct Path {
    int index = 0;  // of the interface; 0: there is no route
    IpBytes source;
    uint32_t mtu = 0;  // of the route; 0: the interface's
};
Result<Path> find_path(Netlink& netlink, const IpBytes& destination);

struct DefaultRoute {
    int index = 0;
    IpBytes gateway;
    bool on_link = false;  // the gateway is behind the interface though no address of it says so
    std::string name;
};
NetlinkRequest default_route_request(const DefaultRoute& route);

struct Route {
    IpBytes destination;
    uint8_t length = 0;
    int index = 0;  // of its interface, the first of several; 0: none
    uint32_t table = 0;
    uint8_t type = 0;  // RTN_*
    IpBytes gateway;   // none: on the link
    bool operator==(const Route&) const = default;
};
// Of both families and all tables, but for the kernel's cached ones.
Result<std::vector<Route>> list_routes(Netlink& netlink);

}  // namespace holm::kernel
