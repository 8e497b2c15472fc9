#include "network/definition.h"

#include <algorithm>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"
#include "machine/toml_schema.h"
#include "network/address.h"
#include "network/peers.h"

namespace holm::network {

namespace {

using machine::Boolean;
using machine::field;
using machine::Field;
using machine::Integer;
using machine::List;
using machine::Text;

// An interface whose name goes into a ruleset, where '*' and '"' would mean something else.
Result<std::string> parse_link(std::string_view text)
{
    std::string name = TRY(machine::parse_interface(text));
    auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("._-").contains(c);
    };
    if (!std::ranges::all_of(name, plain))
        return error(Errc::Invalid, "'{}' is no name of a bridge: letters, digits, '.', '_' and '-'", printable(text, 80));
    return name;
}

// Addresses of hosts: not the unspecified, loopback, link-local and multicast.
Result<> check_block(const Cidr& block)
{
    static constexpr std::string_view others[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                                  "::/16",     "fe80::/10",   "ff00::/8"};
    for (std::string_view other : others)
        if (overlap(block, *parse_cidr(other)))
            return error(Errc::Invalid, "'{}' is no subnet of machines: {} is for other uses", describe(block), other);
    return {};
}

Result<std::string> parse_subnet(std::string_view text)
{
    if (text == "auto" || text == "auto4") return std::string(text);
    const Cidr block = TRY(parse_cidr(text));
    const bool v4 = block.address.family == Family::V4;
    if (block != block_of(block))
        return error(Errc::Invalid, "'{}' is no subnet: it has bits behind its length; '{}' is the block", describe(block),
                     describe(block_of(block)));
    if (v4 && (block.length < 8 || block.length > 30))
        return error(Errc::Invalid, "'{}' is no subnet of machines: a length from /8 to /30", describe(block));
    if (!v4 && (block.length < 16 || block.length > 64))
        return error(Errc::Invalid, "'{}' is no subnet of machines: a length from /16 to /64", describe(block));
    TRY(check_block(block));
    return describe(block);
}

Result<std::string> parse_gateway(std::string_view text)
{
    return describe(TRY(parse_ip(text)));
}

Result<std::string> parse_station(std::string_view text)
{
    return describe(TRY(parse_peer(text)));
}

constexpr Field<VxlanDefinition> vxlan_fields[] = {
    field<&VxlanDefinition::id, Integer<uint32_t, 1, 16777215>>("id"),
    field<&VxlanDefinition::port, Integer<uint16_t, 1, 65535>>("port"),
    field<&VxlanDefinition::local, Text<parse_station>>("local"),
    field<&VxlanDefinition::peers, List<Text<parse_station>, most_peers>>("peers"),
    field<&VxlanDefinition::peers_file, Text<machine::parse_path>>("peers_file"),
    field<&VxlanDefinition::evpn, Boolean>("evpn"),
};

constexpr Field<Definition> fields[] = {
    field<&Definition::type, machine::Word<type_names>>("type"),
    field<&Definition::interface, Text<parse_link>>("interface"),
    field<&Definition::subnets, List<Text<parse_subnet>, 16>>("subnets"),
    field<&Definition::gateway, List<Text<parse_gateway>, 16>>("gateway"),
    field<&Definition::persistent, Boolean>("persistent"),
    field<&Definition::nat, Boolean>("nat"),
    field<&Definition::dns, Boolean>("dns"),
    field<&Definition::dhcp, Boolean>("dhcp"),
    field<&Definition::domain, Text<machine::parse_domain>>("domain"),
    field<&Definition::isolated, Boolean>("isolated"),
    field<&Definition::mtu, Integer<uint32_t, 68, 65535>>("mtu"),
    machine::table_field<&Definition::vxlan, vxlan_fields>("vxlan"),
};

template <typename... Args>
Error at(const Definition& definition, const std::string& key, fmt::format_string<Args...> format, Args&&... args)
{
    auto origin = definition.origins.find(key);
    std::string position = origin == definition.origins.end() ? "" : machine::describe_position(origin->second);
    return error(Errc::Invalid, "{}'{}': {}", position, key, fmt::format(format, std::forward<Args>(args)...));
}

bool is_drawn(const std::string& subnet)
{
    return subnet == "auto" || subnet == "auto4";
}

Result<> check_subnets(const Definition& definition)
{
    const std::vector<std::string>& subnets = definition.subnets;
    for (size_t i = 0; i < subnets.size(); ++i)
        for (size_t other = 0; other < i; ++other) {
            const std::string key = fmt::format("subnets[{}]", i);
            if (subnets[i] == subnets[other]) return at(definition, key, "'{}' is in the list twice", subnets[i]);
            if (is_drawn(subnets[i]) || is_drawn(subnets[other])) continue;
            if (overlap(*parse_cidr(subnets[i]), *parse_cidr(subnets[other])))
                return at(definition, key, "'{}' overlaps '{}'", subnets[i], subnets[other]);
        }
    return {};
}

// A gateway of a subnet that is still to be drawn is checked by plan_segment.
Result<> check_gateways(const Definition& definition)
{
    std::vector<Cidr> seen;
    for (size_t i = 0; i < definition.gateway.size(); ++i) {
        const std::string key = fmt::format("gateway[{}]", i);
        const Address gateway = *parse_ip(definition.gateway[i]);
        bool drawn = definition.subnets.empty() || std::ranges::any_of(definition.subnets, is_drawn);
        for (const std::string& subnet : definition.subnets) {
            if (is_drawn(subnet) || !contains(*parse_cidr(subnet), gateway)) continue;
            const Cidr block = *parse_cidr(subnet);
            if (gateway == block.address || (gateway.family == Family::V4 && gateway == last_of(block)))
                return at(definition, key, "'{}' is the first or last address of '{}', which no interface can have", describe(gateway),
                          subnet);
            if (std::ranges::find(seen, block) != seen.end()) return at(definition, key, "is a second gateway of '{}'", subnet);
            seen.push_back(block);
            drawn = true;
        }
        if (!drawn) return at(definition, key, "'{}' is in none of the subnets", describe(gateway));
    }
    return {};
}

Result<> check_mtu(const Definition& definition)
{
    const bool v6 = definition.subnets.empty() || std::ranges::any_of(definition.subnets, [](const std::string& subnet) {
                        return subnet == "auto" || subnet.contains(':');
                    });
    if (definition.mtu != 0 && v6 && definition.mtu < 1280)
        return at(definition, "mtu", "{} is below 1280, the least of IPv6, and the network has an IPv6 subnet", definition.mtu);
    return {};
}

Result<> check_wire(const Definition& definition)
{
    if (definition.type != Type::Macvlan && definition.type != Type::Ipvlan) return {};
    if (definition.interface.empty()) return at(definition, "type", "needs the interface of the host that it is on, as 'interface'");
    if (definition.isolated)
        return at(definition, "isolated", "is for networks of holm's own, not for the wire of '{}'", definition.interface);
    return {};
}

Result<> check_vxlan(const Definition& definition)
{
    const VxlanDefinition& vxlan = definition.vxlan;
    if (definition.type != Type::Vxlan && vxlan != VxlanDefinition{}) return at(definition, "vxlan", "is for type = \"vxlan\"");
    if (definition.type != Type::Vxlan) return {};
    if (vxlan.id == 0) return at(definition, "vxlan", "has no id");
    if (!vxlan.peers.empty() && !vxlan.peers_file.empty())
        return at(definition, "vxlan.peers_file", "only one of peers and peers_file can be given");
    if (vxlan.evpn && !vxlan.peers_file.empty())
        return at(definition, "vxlan.peers_file", "is of no use with evpn, which learns the peers");
    if (vxlan.local.empty() && vxlan.peers.empty())
        return at(definition, "vxlan", "has no local address, and no peers that would tell which one leads to them");
    const std::string& first = vxlan.local.empty() ? vxlan.peers.front() : vxlan.local;
    for (size_t i = 0; i < vxlan.peers.size(); ++i)
        if (vxlan.peers[i].contains(':') != first.contains(':'))
            return at(definition, fmt::format("vxlan.peers[{}]", i), "'{}' and '{}' are not of one family", vxlan.peers[i], first);
    return {};
}

}  // namespace

Result<Definition> parse_definition(const machine::MachineName& name, std::span<const machine::Source> sources)
{
    machine::TomlValue document;
    for (const machine::Source& source : sources) document = merge_toml(std::move(document), TRY(machine::parse_toml(source)));
    Definition definition;
    definition.name = name;
    TRY(read_document(document, definition, fields, definition.origins));
    TRY(check_subnets(definition));
    TRY(check_gateways(definition));
    TRY(check_mtu(definition));
    TRY(check_vxlan(definition));
    TRY(check_wire(definition));
    return definition;
}

std::string describe_definition(const Definition& definition)
{
    machine::TomlWriter writer;
    write_fields(definition, fields, writer);
    return writer.text();
}

}  // namespace holm::network
