#include "network/segment.h"

#include <algorithm>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"
#include "network/codecs.h"
#include "network/peers.h"
#include "network/stable_hash.h"

namespace holm::network {

namespace {

constexpr uint8_t first_pool = 213, last_pool = 223;  // of 10.x.0.0/16

// The least and most that an interface's name has: IFNAMSIZ less the NUL.
constexpr size_t longest_interface = 15;
constexpr uint32_t least_mtu_of_ipv6 = 1280;

std::string fit(std::string_view prefix, const std::string& name)
{
    if (prefix.size() + name.size() <= longest_interface) return fmt::format("{}{}", prefix, name);
    constexpr size_t hashed = 6;
    return fmt::format("{}{}{:06x}", prefix, name.substr(0, longest_interface - prefix.size() - hashed), stable_hash({name}) & 0xffffff);
}

std::string interface_of(const Definition& definition)
{
    return definition.interface.empty() ? fit("holm-", definition.name.text()) : definition.interface;
}

// What lies where the block would: "the route 10.0.0.0/8 of 'tun0'", or "network 'lan' (10.213.0.0/16)"; "": nothing.
std::string find_other(const Cidr& block, const Segment& segment, const HostNetworks& host)
{
    for (const Segment& other : host.segments)
        for (const Subnet& subnet : other.subnets)
            if (other.name != segment.name && overlap(block, subnet.block))
                return fmt::format("network '{}' ({})", other.name, describe(subnet.block));
    for (const auto& [route, interface] : host.routes)
        if (interface != segment.interface && overlap(block, route))
            return fmt::format("the route {} of the host's interface '{}'", describe(route), printable(interface));
    return "";
}

bool is_of_network(const Cidr& block, const Segment& segment, const HostNetworks& host)
{
    return find_other(block, segment, {.routes = {}, .interfaces = {}, .segments = host.segments}).empty();
}

std::vector<Cidr> pools_of(const Cidr* pool)
{
    if (pool) return {block_of(*pool)};
    std::vector<Cidr> pools;
    for (uint8_t second = first_pool; second <= last_pool; ++second) pools.push_back({{Family::V4, {10, second}}, 16});
    return pools;
}

struct Draw {
    const Segment* before;
    const HostNetworks& host;
    uint64_t random;
    const Cidr* pool;
};

// What was drawn for this network before, of the family; none where another network has taken it since. A route of the host that came
// later does not count: machines have these addresses.
std::optional<Subnet> find_former(const Segment& segment, const Draw& draw, Family family)
{
    if (!draw.before) return {};
    for (const Subnet& subnet : draw.before->subnets)
        if (subnet.drawn && subnet.block.address.family == family && is_of_network(subnet.block, segment, draw.host)) return subnet;
    return {};
}

Result<Cidr> draw_v4(const Segment& segment, const Draw& draw)
{
    const std::vector<Cidr> pools = pools_of(draw.pool);
    if (auto former = find_former(segment, draw, Family::V4); former && std::ranges::find(pools, former->block) != pools.end())
        return former->block;
    std::string other;
    for (const Cidr& block : pools) {
        std::string found = find_other(block, segment, draw.host);
        if (found.empty()) return block;
        if (other.empty()) other = std::move(found);
    }
    if (draw.pool) return error(Errc::Busy, "the pool {} of network '{}' overlaps {}", describe(pools.front()), segment.name, other);
    return error(Errc::Busy, "no block is free for network '{}' from 10.{}.0.0/16 to 10.{}.0.0/16: the first overlaps {}; give it subnets",
                 segment.name, first_pool, last_pool, other);
}

// RFC 4193: fd, 40 drawn bits, and subnet 0.
Result<Cidr> draw_v6(const Segment& segment, const Draw& draw)
{
    if (auto former = find_former(segment, draw, Family::V6)) return former->block;
    std::string other;
    for (uint64_t tries = 0; tries < 16; ++tries) {
        Address address{Family::V6, {0xfd}};
        for (size_t i = 0; i < 5; ++i) address.bytes[1 + i] = static_cast<uint8_t>((draw.random + tries) >> 8 * i);
        const Cidr block{address, 64};
        other = find_other(block, segment, draw.host);
        if (other.empty()) return block;
    }
    return error(Errc::Busy, "no IPv6 block is free for network '{}': the last drawn overlaps {}", segment.name, other);
}

Result<Subnet> plan_subnet(const std::string& text, const Segment& segment, const Draw& draw)
{
    Subnet subnet{.block = {}, .gateway = {}, .drawn = text == "auto" || text == "auto4"};
    if (text == "auto4") subnet.block = TRY(draw_v4(segment, draw));
    else if (text == "auto") subnet.block = TRY(draw_v6(segment, draw));
    else subnet.block = TRY(parse_cidr(text));
    if (!subnet.drawn)
        if (std::string other = find_other(subnet.block, segment, draw.host); !other.empty())
            return error(Errc::Busy, "the subnet {} of network '{}' overlaps {}", describe(subnet.block), segment.name, other);
    subnet.gateway = *address_at(subnet.block, 1);
    return subnet;
}

Result<> place_gateways(const Definition& definition, Segment& segment)
{
    for (size_t i = 0; i < definition.gateway.size(); ++i) {
        const Address gateway = TRY(parse_ip(definition.gateway[i]));
        auto subnet = std::ranges::find_if(segment.subnets, [&](const Subnet& one) { return contains(one.block, gateway); });
        const bool usable = subnet != segment.subnets.end() && gateway != subnet->block.address &&
                            (gateway.family == Family::V6 || gateway != last_of(subnet->block));
        if (!usable) {
            auto origin = definition.origins.find(fmt::format("gateway[{}]", i));
            return error(Errc::Invalid, "{}the gateway {} of network '{}' is no host's address in its subnets",
                         origin == definition.origins.end() ? "" : machine::describe_position(origin->second), describe(gateway),
                         segment.name);
        }
        subnet->gateway = gateway;
    }
    return {};
}

// A bridge that somebody else made: only a name that was asked for can mean it.
bool is_foreign(const Definition& definition, const Segment& segment, const Segment* before, const HostNetworks& host)
{
    if (definition.type == Type::Macvlan || definition.type == Type::Ipvlan) return true;
    if (before && before->interface == segment.interface) return !before->ours;
    return !definition.interface.empty() && std::ranges::find(host.interfaces, segment.interface) != host.interfaces.end();
}

// Outer Ethernet is the device's own; within its MTU are IP, UDP and VXLAN, and the inner Ethernet header.
uint32_t overhead_of(const Address& local)
{
    return local.family == Family::V4 ? 50 : 70;
}

Error refuse(const Definition& definition, const std::string& key, const std::string& why)
{
    auto origin = definition.origins.find(key);
    return error(Errc::Invalid, "{}network '{}': {}", origin == definition.origins.end() ? "" : machine::describe_position(origin->second),
                 definition.name.text(), why);
}

Result<> plan_tunnel(const Definition& definition, const HostNetworks& host, Segment& segment)
{
    if (definition.type != Type::Vxlan) return {};
    const VxlanDefinition& wanted = definition.vxlan;
    if (!segment.ours)
        return refuse(definition, "interface",
                      fmt::format("the interface '{}' is not holm's, and a VXLAN is a bridge of its own", segment.interface));
    if (!host.underlay) return refuse(definition, "vxlan.peers", "no route of the host leads to its peers");
    const Underlay& underlay = *host.underlay;
    segment.tunnel = {.interface = fit("vx-", segment.name),
                      .id = wanted.id,
                      .port = wanted.port,
                      .local = underlay.local,
                      .peers = {},
                      .peers_file = wanted.peers_file,
                      .evpn = wanted.evpn};
    for (const std::string& text : wanted.peers)
        if (const Address peer = TRY(parse_ip(text)); peer != underlay.local) segment.tunnel.peers.push_back(peer);
    const uint32_t most = underlay.mtu - std::min(underlay.mtu, overhead_of(underlay.local));
    if (definition.mtu > most)
        return refuse(definition, "mtu",
                      fmt::format("an MTU of {} is more than the {} that interface '{}' has room for in a tunnel", definition.mtu, most,
                                  printable(underlay.interface)));
    if (definition.mtu == 0) segment.mtu = std::min<uint32_t>(most, 65535);
    for (const Subnet& subnet : segment.subnets)
        if (subnet.block.address.family == Family::V6 && segment.mtu < least_mtu_of_ipv6)
            return refuse(definition, "mtu",
                          fmt::format("the MTU of {} that interface '{}' has room for in a tunnel is below {}, the least of IPv6",
                                      segment.mtu, printable(underlay.interface), least_mtu_of_ipv6));
    return {};
}

std::string describe_text(const std::string& text)
{
    return text;
}

Result<std::string> parse_segment_name(std::string_view text)
{
    return TRY(machine::parse_name(text)).text();
}

using machine::field;

constexpr machine::Field<Subnet> subnet_fields[] = {
    field<&Subnet::block, CidrText>("block"),
    field<&Subnet::gateway, AddressText>("gateway"),
    field<&Subnet::drawn, machine::Boolean>("drawn"),
};

constexpr machine::Field<Tunnel> tunnel_fields[] = {
    field<&Tunnel::interface, machine::Text<machine::parse_interface>>("interface"),
    field<&Tunnel::id, machine::Integer<uint32_t, 1, 16777215>>("id"),
    field<&Tunnel::port, machine::Integer<uint16_t, 1, 65535>>("port"),
    field<&Tunnel::local, AddressText>("local"),
    field<&Tunnel::peers, machine::List<AddressText, most_peers>>("peers"),
    field<&Tunnel::peers_file, machine::Text<machine::parse_path>>("peers_file"),
    field<&Tunnel::evpn, machine::Boolean>("evpn"),
};

constexpr machine::Field<Segment> fields[] = {
    field<&Segment::name, machine::Text<parse_segment_name, describe_text>>("name"),
    field<&Segment::type, machine::Word<type_names>>("type"),
    field<&Segment::interface, machine::Text<machine::parse_interface>>("interface"),
    field<&Segment::ours, machine::Boolean>("ours"),
    field<&Segment::persistent, machine::Boolean>("persistent"),
    field<&Segment::nat, machine::Boolean>("nat"),
    field<&Segment::dns, machine::Boolean>("dns"),
    field<&Segment::dhcp, machine::Boolean>("dhcp"),
    field<&Segment::isolated, machine::Boolean>("isolated"),
    field<&Segment::domain, machine::Text<machine::parse_domain>>("domain"),
    field<&Segment::mtu, machine::Integer<uint32_t, 0, 65535>>("mtu"),
    field<&Segment::dns_port, machine::Integer<uint16_t, 1, 65535>>("dns_port"),
    machine::tables_field<&Segment::subnets, subnet_fields>("subnet"),
    machine::table_field<&Segment::tunnel, tunnel_fields>("tunnel"),
};

}  // namespace

Result<Segment> plan_segment(const Definition& definition, const Segment* before, const HostNetworks& host, uint64_t random,
                             const Cidr* pool)
{
    Segment segment;
    segment.name = definition.name.text();
    segment.type = definition.type;
    segment.interface = interface_of(definition);
    segment.persistent = definition.persistent, segment.isolated = definition.isolated;
    segment.domain = definition.domain, segment.mtu = definition.mtu;
    for (const Segment& other : host.segments)
        if (other.name != segment.name && other.interface == segment.interface)
            return error(Errc::Busy, "the interface '{}' of network '{}' is network '{}''s", segment.interface, segment.name, other.name);
    segment.ours = !is_foreign(definition, segment, before, host);
    // Whose bridge it is serves it: nothing of ours would answer on it.
    segment.nat = definition.nat && segment.ours;
    segment.dns = definition.dns && segment.ours, segment.dhcp = definition.dhcp && segment.ours;
    std::vector<std::string> subnets = definition.subnets;
    if (subnets.empty() && segment.ours) subnets = {"auto4", "auto"};
    // All hosts of a VXLAN are to draw the same, without a word between them.
    const uint64_t drawn = definition.type == Type::Vxlan ? stable_hash({segment.name, fmt::format("{}", definition.vxlan.id)}) : random;
    for (const std::string& subnet : subnets)
        segment.subnets.push_back(TRY(plan_subnet(subnet, segment, {.before = before, .host = host, .random = drawn, .pool = pool})));
    TRY(place_gateways(definition, segment));
    TRY(plan_tunnel(definition, host, segment));
    return segment;
}

Segment claim_of(const Definition& definition)
{
    Segment claimed;
    claimed.name = definition.name.text();
    claimed.interface = interface_of(definition);
    for (const std::string& subnet : definition.subnets)
        if (auto block = parse_cidr(subnet)) claimed.subnets.push_back({.block = *block, .gateway = *address_at(*block, 1)});
    return claimed;
}

Result<> check_claim(const Definition& definition, const HostNetworks& host)
{
    const Segment claimed = claim_of(definition);
    for (const Subnet& subnet : claimed.subnets)
        if (std::string other = find_other(subnet.block, claimed, host); !other.empty())
            return error(Errc::Busy, "the subnet {} of network '{}' overlaps {}", describe(subnet.block), claimed.name, other);
    return {};
}

std::string mark_of(const Segment& segment)
{
    return "holm:" + segment.name;
}

std::string describe_segment(const Segment& segment)
{
    machine::TomlWriter writer;
    write_fields(segment, fields, writer);
    return writer.text();
}

Result<Segment> parse_segment(std::string_view text, const std::string& path)
{
    machine::TomlValue document = TRY(machine::parse_toml({.file = path, .text = std::string(text)}));
    Segment segment;
    machine::OriginMap origins;
    TRY(read_document(document, segment, fields, origins));
    if (segment.name.empty() || segment.interface.empty()) return error(Errc::Invalid, "'{}' names no network", printable(path));
    return segment;
}

}  // namespace holm::network
