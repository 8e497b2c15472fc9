// Segment: a network as it is to be on this host, with all that was drawn for it: the bridge and what serves it. A value, made by
// plan_segment of a definition and of what the host has, kept as /var/lib/holm/networks/NAME/segment.toml while anything was drawn
// (so that it is the same after a boot), and as /run/holm/networks/NAME/segment.toml while it is up. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/address.h"
#include "network/definition.h"

namespace holm::network {

struct Subnet {
    Cidr block;
    Address gateway;
    bool drawn = false;  // not asked for in so many words
    bool operator==(const Subnet&) const = default;
};

// The port of a VXLAN's bridge that leads to other hosts.
struct Tunnel {
    std::string interface;  // "vx-NAME", cut and hashed to 15 characters where longer
    uint32_t id = 0;        // 0: there is none
    uint16_t port = 0;
    Address local;               // the host's own, that the others send to
    std::vector<Address> peers;  // written in the definition, without the local one
    std::string peers_file;
    bool evpn = false;  // others tell the kernel where each frame goes
    bool operator==(const Tunnel&) const = default;
};

inline constexpr uint16_t dns_port = 53;  // that resolvers ask at

struct Segment {
    std::string name;
    Type type = Type::Bridge;
    std::string interface;        // the bridge; of a macvlan or ipvlan the interface that it is on
    bool ours = true;             // false: it existed and is used as it is, never changed nor removed
    std::vector<Subnet> subnets;  // at most one of each family is served by DHCP and leases: the first
    bool persistent = false, nat = true, dns = true, dhcp = true, isolated = false;
    std::string domain;
    uint32_t mtu = 0;
    uint16_t dns_port = network::dns_port;  // at which its name service listens; machines ask at 53 all the same
    Tunnel tunnel;
    bool operator==(const Segment&) const = default;
};

// What carries the frames of a VXLAN on this host. Observed by observe.h.
struct Underlay {
    Address local;
    std::string interface;
    uint32_t mtu = 0;
    bool operator==(const Underlay&) const = default;
};

// What of the host decides where a network can lie. Observed by observe.h.
struct HostNetworks {
    std::vector<std::pair<Cidr, std::string>> routes;  // all but the default; behind each, the interface
    std::vector<std::string> interfaces;               // those that there are of the names that are asked for
    std::vector<Segment> segments;                     // other networks of holm, up or drawn
    std::optional<Underlay> underlay;                  // of the network that is planned, where it is a VXLAN
    bool operator==(const HostNetworks&) const = default;
};

// 40 drawn bits of an RFC 4193 prefix come from `random`. `before`: the segment that was drawn at an earlier start; kept where the
// definition still allows it. The shipped holm0 moves on to the next free of 10.213 … 10.223 where its pool meets a route of the host; an
// explicit `pool` ([network] pool of holm.toml; null: the default) that does is refused, naming the route's interface or the network. A
// foreign bridge without subnets in the definition has none. A VXLAN draws the same on all hosts, and its MTU is what the frames of the
// host's interface have room for. Errors: Invalid, Busy.
Result<Segment> plan_segment(const Definition& definition, const Segment* before, const HostNetworks& host, uint64_t random,
                             const Cidr* pool = nullptr);

// What the definition asks for in so many words, before anything is drawn: as others of HostNetworks::segments see it.
Segment claim_of(const Definition& definition);
// Whether that lies where nothing else of the host is. Errors: Busy, with what does.
Result<> check_claim(const Definition& definition, const HostNetworks& host);

// By which its interfaces are known as ours (ip-link(8), alias): no others are changed or removed.
std::string mark_of(const Segment& segment);

std::string describe_segment(const Segment& segment);  // TOML
Result<Segment> parse_segment(std::string_view text, const std::string& path);

}  // namespace holm::network
