// What a machine's network is: none, the host's, or endpoints that join networks. Part of plan.toml: holm-setup makes it again at each
// boot of the payload, without holmd. A value; pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"
#include "network/address.h"
#include "network/lease.h"
#include "network/segment.h"

namespace holm::network {

enum class Kind {
    None,       // a namespace with its loopback up
    Host,       // the host's
    Endpoints,  // a namespace with the endpoints below
};

enum class EndpointType { Bridge, Veth, Macvlan, Ipvlan, Physical };

struct Publication {
    std::string protocol;  // "tcp" | "udp"
    std::string address;   // of the host; "": any, of both families
    uint16_t host_first = 0, host_last = 0, first = 0, last = 0;
    bool operator==(const Publication&) const = default;
};

// A link of the host as it was before a machine had it, and as it is given back (network/apply_physical).
struct HostLink {
    int index = 0;  // 0: there is none
    Mac mac{};      // all 0: its kind has none
    uint32_t mtu = 0;
    std::string kind, alias;         // kind: "dummy", "vlan", …; "": of hardware
    std::vector<std::string> names;  // others that it has
    bool operator==(const HostLink&) const = default;
};

struct Endpoint {
    EndpointType type = EndpointType::Bridge;
    std::string network;         // its name; "": none (veth, bridge:X, macvlan:X, ipvlan:X, physical:X)
    std::string parent;          // bridge or parent interface on the host; the name of a Physical there; "" for Veth
    std::string host_interface;  // of the pair, "hm" and 12 hex digits of a hash of machine and interface; "" for the last three types
    std::string interface;       // inside: eth0, eth1, … unless named
    Mac mac{};
    uint32_t mtu = 0;                // 0: the parent's
    std::vector<Cidr> addresses;     // with the length of their subnets
    std::vector<Address> gateways;   // of each family at most one; of the first endpoint that has one of the family the default route
    std::vector<Address> resolvers;  // for resolv.conf
    std::string domain;
    std::vector<std::string> aliases;
    uint64_t ingress = 0, egress = 0;      // bits per second, as the machine sees it; 0: unlimited
    std::vector<std::string> allow, deny;  // the grammar of machine/network_grammar
    std::vector<Publication> published;
    HostLink link = {};  // of a Physical
    bool operator==(const Endpoint&) const = default;
};

struct Plan {
    Kind kind = Kind::None;
    std::vector<Endpoint> endpoints;
    bool operator==(const Plan&) const = default;
};

// What there is of an interface that an entry moves into the machine, and who else has to do with it.
struct FoundLink {
    std::string name = {};  // "": there is none
    HostLink link = {};
    std::string master = {};  // the bridge or bond that it is a port of
    bool is_loopback = false, has_default_route = false;
    std::string machine = {}, network = {};  // another machine that has it, or an interface on it; a network of holm's that it is of
    bool is_inside = false;                  // that machine has it
    bool operator==(const FoundLink&) const = default;
};

// A program of the host that waits at a port.
struct Listener {
    std::string protocol, address;  // as of a Publication
    uint16_t port = 0;
    bool operator==(const Listener&) const = default;
};

// What plan_network needs to know: the segments of the networks that the spec names, the leases drawn on them, and the links of the host
// that it moves, by index of [[network]], absent where the entry needs none; and who is at the ports that the spec publishes.
struct Facts {
    std::map<size_t, Segment> segments;
    std::map<size_t, Lease> leases;
    std::map<size_t, FoundLink> links;
    std::vector<Listener> listeners = {};
    bool operator==(const Facts&) const = default;
};

// `uuid` of the machine: what MACs are derived of where no lease has them (bridge:X). Errors: NotSupported (a kind that is not there yet, a
// port of the loopback), Busy (a program of the host is at a port that is published), NotFound (a network without segment or lease),
// Invalid ("network 'x'" twice with one interface name, names over 15 characters, two default routes asked for, …); each names the origin
// in the spec.
Result<Plan> plan_network(const machine::Spec& spec, const Facts& facts, std::string_view uuid);

// "[ADDRESS:]PORT[-PORT]:PORT[-PORT][/tcp|/udp]" as machine::parse_publication takes it. Errors: Invalid.
Result<Publication> parse_published(std::string_view text);
// As it may be written in a definition: "8080:80/tcp".
std::string describe(const Publication& published);
// Whether both would answer on the same port of the same address of the host.
bool collide(const Publication& left, const Publication& right);

// A shifted range is an element a port; longer ones are refused.
inline constexpr unsigned most_shifted_ports = 1024;

// The names of the networks (definitions) that the spec's [[network]] entries join, by index; none for those of no definition.
std::map<size_t, std::string> networks_of(const machine::Spec& spec);
// The interfaces of the host that entries move into the machine, by index.
std::map<size_t, std::string> links_of(const machine::Spec& spec);
// eth0, eth1, … or what is asked for: of the entry with this index. What is moved keeps its name.
std::string interface_of(const machine::Spec& spec, size_t index);

// The content of /etc/resolv.conf of a machine with these endpoints: their resolvers and domains; "" where there are none.
std::string resolv_conf_of(const Plan& plan);

}  // namespace holm::network
