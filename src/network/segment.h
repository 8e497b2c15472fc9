// Segment: a network as it is to be on this host, with all that was drawn for it: the bridge and what serves it. A value, made by
// plan_segment of a definition and of what the host has, kept as /var/lib/holm/networks/NAME/segment.toml while anything was drawn
// (so that it is the same after a boot), and as /run/holm/networks/NAME/segment.toml while it is up. Pure.
#pragma once

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

struct Segment {
    std::string name;
    std::string interface;        // the bridge
    bool ours = true;             // false: it existed and is used as it is, never changed nor removed
    std::vector<Subnet> subnets;  // at most one of each family is served by DHCP and leases: the first
    bool persistent = false, nat = true, dns = true, dhcp = true, isolated = false;
    std::string domain;
    uint32_t mtu = 0;
    bool operator==(const Segment&) const = default;
};

// What of the host decides where a network can lie. Observed by observe.h.
struct HostNetworks {
    std::vector<std::pair<Cidr, std::string>> routes;  // all but the default; behind each, the interface
    std::vector<std::string> interfaces;
    std::vector<Segment> segments;  // other networks of holm, up or drawn
    bool operator==(const HostNetworks&) const = default;
};

// 40 drawn bits of an RFC 4193 prefix come from `random`. `before`: the segment that was drawn at an earlier start; kept where the
// definition still allows it. The shipped holm0 moves on to the next free of 10.213 … 10.223 where its pool meets a route of the host; an
// explicit `pool` ([network] pool of holm.toml; null: the default) that does is refused, naming the route's interface or the network. A
// foreign bridge without subnets in the definition has none. Errors: Invalid, Busy.
Result<Segment> plan_segment(const Definition& definition, const Segment* before, const HostNetworks& host, uint64_t random,
                             const Cidr* pool = nullptr);

std::string describe_segment(const Segment& segment);  // TOML
Result<Segment> parse_segment(std::string_view text, const std::string& path);

}  // namespace holm::network
