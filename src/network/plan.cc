#include "network/plan.h"

#include <algorithm>
#include <set>
#include <span>

#include "base/text.h"
#include "network/physical.h"
#include "network/publication.h"
#include "network/stable_hash.h"

namespace holm::network {

namespace {

using machine::NetworkSpec;
using machine::Spec;

std::string key_of(size_t index, std::string_view key)
{
    return fmt::format("network[{}].{}", index, key);
}

bool is_definition(const std::string& network)
{
    return network != "none" && network != "host" && network != "veth" && !network.contains(':');
}

// [[network]] with this index: what plan_endpoint and its parts look at.
struct Entry {
    const Spec& spec;
    size_t index;
    const NetworkSpec& wanted = spec.networks[index];

    std::string origin(std::string_view key) const { return describe_origin(spec, key_of(index, key)); }
};

uint64_t bits_per_second(const std::string& rate)
{
    if (rate.empty()) return 0;
    constexpr std::string_view units = "KMGT";
    const size_t unit = units.find(rate.back());
    uint64_t bits = parse_number(std::string_view(rate).substr(0, unit == units.npos ? rate.size() : rate.size() - 1)).value_or(0);
    for (size_t i = 0; unit != units.npos && i <= unit; ++i) bits = bits > UINT64_MAX / 1000 ? UINT64_MAX : bits * 1000;
    return bits;
}

Result<std::vector<Publication>> plan_published(const Entry& entry, const Endpoint& endpoint, std::span<const Listener> listeners)
{
    std::vector<Publication> all;
    for (const std::string& text : entry.wanted.publish) {
        const std::string key = fmt::format("publish[{}]", all.size());
        Publication published = TRY(parse_published(text));
        TRY(check_published(endpoint, published, entry.origin(key)));
        TRY(check_free(published, listeners, entry.origin(key)));
        all.push_back(std::move(published));
    }
    return all;
}

// Addresses, and of each family the gateway, of the segment.
void join_subnets(const Segment& segment, const Lease& lease, Endpoint& endpoint)
{
    std::set<Family> families;
    for (const Subnet& subnet : segment.subnets)
        for (const Address& address : lease.addresses) {
            if (!contains(subnet.block, address)) continue;
            endpoint.addresses.push_back({address, subnet.block.length});
            if (!families.insert(address.family).second) continue;
            if (!segment.isolated) endpoint.gateways.push_back(subnet.gateway);
            if (segment.dns) endpoint.resolvers.push_back(subnet.gateway);
        }
}

Result<> check_filters(const Entry& entry, const std::string& why)
{
    if (!entry.wanted.publish.empty())
        return error(Errc::NotSupported, "not supported: '{}' on {}{}", key_of(entry.index, "publish"), why, entry.origin("publish"));
    for (const char* key : {"allow", "deny"})
        if (!(key == std::string_view("allow") ? entry.wanted.allow : entry.wanted.deny).empty())
            return error(Errc::NotSupported, "not supported: '{}' on {}{}", key_of(entry.index, key), why, entry.origin(key));
    return {};
}

EndpointType endpoint_type_of(const Segment& segment)
{
    switch (segment.type) {
    case Type::Bridge:
    case Type::Vxlan: return EndpointType::Bridge;
    case Type::Macvlan: return EndpointType::Macvlan;
    case Type::Ipvlan: return EndpointType::Ipvlan;
    }
    return EndpointType::Bridge;
}

// One that has no end on the host, and is not to be seen by it.
Result<> plan_without_end(const Entry& entry, Endpoint& endpoint)
{
    endpoint.host_interface.clear();
    for (const char* key : {"ingress", "egress"})
        if ((key == std::string_view("ingress") ? endpoint.ingress : endpoint.egress) != 0)
            return error(Errc::NotSupported, "not supported: '{}' on network '{}', which has no end on the host{}",
                         key_of(entry.index, key), entry.wanted.network, entry.origin(key));
    if (endpoint.type == EndpointType::Ipvlan && !entry.wanted.mac.empty())
        return error(Errc::Invalid, "a machine on network '{}', an ipvlan, has the MAC of the host's interface, not one of its own{}",
                     entry.wanted.network, entry.origin("mac"));
    return {};
}

Result<Endpoint> plan_on_segment(const Entry& entry, const Facts& facts, Endpoint endpoint)
{
    const std::string& network = entry.wanted.network;
    auto segment = facts.segments.find(entry.index);
    auto lease = facts.leases.find(entry.index);
    if (segment == facts.segments.end() || lease == facts.leases.end())
        return error(Errc::NotFound, "network '{}'{} is not there: nothing is known of it", printable(network), entry.origin("network"));
    if (!segment->second.ours)
        TRY(check_filters(entry, fmt::format("network '{}', whose interface '{}' is not holm's", network, segment->second.interface)));
    if (segment->second.isolated && !entry.wanted.publish.empty())
        return error(Errc::Invalid, "nothing can be published on network '{}', which is isolated{}", network, entry.origin("publish"));
    endpoint.network = segment->second.name;
    endpoint.type = endpoint_type_of(segment->second);
    if (endpoint.type != EndpointType::Bridge) TRY(plan_without_end(entry, endpoint));
    endpoint.parent = segment->second.interface;
    endpoint.mac = lease->second.mac;
    endpoint.domain = segment->second.domain;
    if (endpoint.mtu == 0) endpoint.mtu = segment->second.mtu;
    join_subnets(segment->second, lease->second, endpoint);
    endpoint.published = TRY(plan_published(entry, endpoint, facts.listeners));
    return endpoint;
}

// The pair of a machine to the host alone is called as systemd-nspawn's, by which systemd-networkd of the host knows it.
std::string name_of_pair(const Spec& spec, std::string hashed)
{
    constexpr size_t longest = 15;  // IFNAMSIZ less the NUL
    const std::string name = "ve-" + spec.name.text();
    const bool is_alone = std::ranges::count(spec.networks, "veth", &NetworkSpec::network) == 1;
    return is_alone && name.size() <= longest ? name : std::move(hashed);
}

// The link itself, with its own MAC where no other is asked for.
Result<> take_link(const Entry& entry, const Facts& facts, Endpoint& endpoint)
{
    auto found = facts.links.find(entry.index);
    const FoundLink link = found == facts.links.end() ? FoundLink() : found->second;
    TRY(check_physical(endpoint.parent, link, entry.origin("network")));
    endpoint.type = EndpointType::Physical;
    TRY(plan_without_end(entry, endpoint));
    endpoint.parent = link.name;
    endpoint.link = link.link;
    if (entry.wanted.mac.empty()) endpoint.mac = link.link.mac;
    return {};
}

// What is the host's own, or leads beyond it: others there give addresses, unless they are in the definition.
Result<Endpoint> plan_on_parent(const Entry& entry, const Facts& facts, std::string_view uuid, Endpoint endpoint)
{
    const std::string& network = entry.wanted.network;
    const size_t colon = network.find(':');
    if (colon != network.npos) endpoint.parent = network.substr(colon + 1);
    if (network == "veth") {
        endpoint.type = EndpointType::Veth;
        endpoint.host_interface = name_of_pair(entry.spec, std::move(endpoint.host_interface));
    }
    if (network.starts_with("macvlan:") || network.starts_with("ipvlan:")) {
        endpoint.type = network.starts_with("macvlan:") ? EndpointType::Macvlan : EndpointType::Ipvlan;
        TRY(plan_without_end(entry, endpoint));
    }
    TRY(check_filters(entry, fmt::format("network '{}'", network)));
    endpoint.mac = entry.wanted.mac.empty() ? derive_mac(uuid, network, endpoint.interface) : TRY(parse_mac_bytes(entry.wanted.mac));
    if (is_physical(network)) TRY(take_link(entry, facts, endpoint));
    for (size_t i = 0; i < entry.wanted.address.size(); ++i) {
        const std::string& text = entry.wanted.address[i];
        if (!text.contains('/'))
            return error(Errc::Invalid, "the address '{}' of network '{}' needs the length of its subnet behind a '/'{}", text, network,
                         entry.origin(fmt::format("address[{}]", i)));
        endpoint.addresses.push_back(TRY(parse_cidr(text)));
    }
    return endpoint;
}

Result<Endpoint> plan_endpoint(const Entry& entry, const Facts& facts, std::string_view uuid)
{
    const NetworkSpec& wanted = entry.wanted;
    Endpoint endpoint;
    endpoint.interface = interface_of(entry.spec, entry.index);
    endpoint.host_interface = fmt::format("hm{:012x}", stable_hash({entry.spec.name.text(), endpoint.interface}) >> 16);
    endpoint.mtu = wanted.mtu.value_or(0);
    endpoint.aliases = wanted.aliases;
    endpoint.ingress = bits_per_second(wanted.ingress), endpoint.egress = bits_per_second(wanted.egress);
    endpoint.allow = wanted.allow, endpoint.deny = wanted.deny;
    if (is_definition(wanted.network)) return plan_on_segment(entry, facts, std::move(endpoint));
    return plan_on_parent(entry, facts, uuid, std::move(endpoint));
}

Result<> check_interfaces(const Spec& spec, const std::vector<Endpoint>& endpoints)
{
    std::set<std::string_view> names, moved;
    for (size_t i = 0; i < endpoints.size(); ++i) {
        const std::string& name = endpoints[i].interface;
        const std::string key = spec.networks[i].interface.empty() ? "network" : "interface";
        if (name == "lo" || name.size() > 15)
            return error(Errc::Invalid, "an interface of network '{}' cannot be called '{}'{}", spec.networks[i].network, printable(name),
                         describe_origin(spec, key_of(i, key)));
        if (!names.insert(name).second)
            return error(Errc::Invalid, "network '{}'{}: the machine has another interface '{}'", spec.networks[i].network,
                         describe_origin(spec, key_of(i, key)), name);
        if (endpoints[i].type == EndpointType::Physical && !moved.insert(endpoints[i].parent).second)
            return error(Errc::Invalid, "network '{}'{}: the machine has that interface already", spec.networks[i].network,
                         describe_origin(spec, key_of(i, "network")));
    }
    return {};
}

Result<> check_ports(const Spec& spec, const std::vector<Endpoint>& endpoints)
{
    std::vector<Publication> seen;
    for (size_t i = 0; i < endpoints.size(); ++i)
        for (size_t k = 0; k < endpoints[i].published.size(); ++k) {
            const Publication& published = endpoints[i].published[k];
            auto other = std::ranges::find_if(seen, [&](const Publication& one) { return collide(one, published); });
            if (other != seen.end())
                return error(Errc::Invalid, "the published port '{}'{} is taken by '{}' of the same machine", describe(published),
                             describe_origin(spec, key_of(i, fmt::format("publish[{}]", k))), describe(*other));
            seen.push_back(published);
        }
    return {};
}

// One of each family in a machine: the first endpoint that has one.
void keep_first_gateways(std::vector<Endpoint>& endpoints)
{
    std::set<Family> families;
    for (Endpoint& endpoint : endpoints)
        std::erase_if(endpoint.gateways, [&](const Address& gateway) { return !families.insert(gateway.family).second; });
}

}  // namespace

std::map<size_t, std::string> networks_of(const Spec& spec)
{
    std::map<size_t, std::string> names;
    for (size_t i = 0; i < spec.networks.size(); ++i)
        if (is_definition(spec.networks[i].network)) names[i] = spec.networks[i].network;
    return names;
}

std::map<size_t, std::string> links_of(const Spec& spec)
{
    std::map<size_t, std::string> names;
    for (size_t i = 0; i < spec.networks.size(); ++i)
        if (is_physical(spec.networks[i].network)) names[i] = name_of_physical(spec.networks[i].network);
    return names;
}

std::string interface_of(const Spec& spec, size_t index)
{
    const std::string &asked = spec.networks[index].interface, &network = spec.networks[index].network;
    if (!asked.empty()) return asked;
    return is_physical(network) ? name_of_physical(network) : fmt::format("eth{}", index);
}

Result<Plan> plan_network(const Spec& spec, const Facts& facts, std::string_view uuid)
{
    if (spec.networks.empty()) return Plan{};
    for (size_t i = 0; i < spec.networks.size(); ++i) {
        const std::string& network = spec.networks[i].network;
        if (network != "none" && network != "host") continue;
        if (spec.networks.size() > 1)
            return error(Errc::Invalid, "network '{}' cannot be combined with another{}", network,
                         describe_origin(spec, key_of(i, "network")));
        return Plan{.kind = network == "host" ? Kind::Host : Kind::None, .endpoints = {}};
    }
    Plan plan{.kind = Kind::Endpoints, .endpoints = {}};
    for (size_t i = 0; i < spec.networks.size(); ++i) plan.endpoints.push_back(TRY(plan_endpoint({.spec = spec, .index = i}, facts, uuid)));
    TRY(check_interfaces(spec, plan.endpoints));
    TRY(check_ports(spec, plan.endpoints));
    keep_first_gateways(plan.endpoints);
    return plan;
}

std::string resolv_conf_of(const Plan& plan)
{
    constexpr size_t most = 3;  // MAXNS of resolv.conf(5): more are not read
    std::vector<std::string> servers, domains;
    for (const Endpoint& endpoint : plan.endpoints) {
        for (const Address& resolver : endpoint.resolvers)
            if (servers.size() < most) servers.push_back(describe(resolver));
        const bool known = endpoint.domain.empty() || std::ranges::find(domains, endpoint.domain) != domains.end();
        if (!endpoint.resolvers.empty() && !known) domains.push_back(endpoint.domain);
    }
    if (servers.empty()) return "";
    std::string text = "# Written by holm at the start of the machine: the resolvers of its networks.\n";
    if (!domains.empty()) text += fmt::format("search {}\n", fmt::join(domains, " "));
    for (const std::string& server : servers) text += fmt::format("nameserver {}\n", server);
    return text;
}

}  // namespace holm::network
