#include "network/ruleset_elements.h"

#include <algorithm>
#include <optional>

#include "network/relayed.h"
#include "network/rules.h"

namespace holm::network {

namespace {

// What is removed is added first: nft 1.0.6 and the kernels that it is of know no other way to remove what may not be there.
class Batch {
public:
    explicit Batch(Change change) : change_(change) {}

    using Parts = std::vector<ElementPart>;
    void element(Table table, std::string set, Parts key, Parts value = {})
    {
        const SetElement element{.table = table, .set = std::move(set), .key = std::move(key), .value = std::move(value)};
        add({.element = element});
        if (change_ == Change::Remove) add({.element = element, .removes = true});
    }
    void jump_element(Table table, std::string_view map, const ElementPart& key, const std::string& chain)
    {
        made_.entries_alone = false;
        const std::string entry = fmt::format("element {} {} {{ {} : jump {} }}\n", describe_table(table), map, key.text, chain);
        made_.text += "add " + entry;
        if (change_ == Change::Remove) made_.text += "delete " + entry;
    }
    // A chain that entries of maps lead to: before them when it comes, behind them when it goes.
    void open_chain(Table table, std::string_view chain, const std::vector<std::string>& rules)
    {
        made_.entries_alone = false;
        made_.text += fmt::format("add chain {0} {1}\nflush chain {0} {1}\n", describe_table(table), chain);
        if (change_ == Change::Remove) return;
        for (const std::string& rule : rules) made_.text += fmt::format("add rule {} {} {}\n", describe_table(table), chain, rule);
    }
    void close_chain(Table table, std::string_view chain)
    {
        if (change_ == Change::Remove) made_.text += fmt::format("delete chain {} {}\n", describe_table(table), chain);
    }
    RulesetChange take() { return std::move(made_); }

private:
    void add(ElementChange change)
    {
        made_.text += fmt::format("{} element {} {} {{ {} }}\n", change.removes ? "delete" : "add", describe_table(change.element.table),
                                  change.element.set, describe_entry(change.element));
        made_.entries.push_back(std::move(change));
    }

    Change change_;
    RulesetChange made_;
};

// "sources4", "sources6": a set of each family.
std::string of_family(std::string_view set, Family family)
{
    return fmt::format("{}{}", set, family == Family::V4 ? 4 : 6);
}

void change_source(Batch& batch, const ElementPart& port, const Address& address)
{
    batch.element(Table::Bridge, of_family("sources", address.family), {port, address_part(address)});
    if (address.family == Family::V6) batch.element(Table::Bridge, "targets", {port, number_part(address)});
}

// What may come out of the machine's port: a handful of elements.
void change_port(Batch& batch, const Endpoint& endpoint)
{
    const ElementPart port = interface_part(endpoint.host_interface);
    batch.element(Table::Bridge, "ports", {port});
    batch.element(Table::Bridge, "macs", {port, mac_part(endpoint.mac)});
    for (const Cidr& address : endpoint.addresses) change_source(batch, port, address.address);
    change_source(batch, port, link_local_of(endpoint.mac));
    // On a bridge of others, who give the addresses: they are not known here.
    if (!endpoint.addresses.empty()) return;
    for (Family family : {Family::V4, Family::V6}) batch.element(Table::Bridge, of_family("unaddressed", family), {port});
}

void change_rules(Batch& batch, const Endpoint& endpoint, Direction direction)
{
    const std::string_view name = direction == Direction::In ? "in" : "out";
    const std::string chain = fmt::format("{}-{}", name, endpoint.host_interface);
    if (std::vector<std::string> rules = describe_rules(endpoint, direction, Table::Inet); !rules.empty()) {
        batch.open_chain(Table::Inet, chain, rules);
        for (const Cidr& address : endpoint.addresses)
            batch.jump_element(Table::Inet, of_family(fmt::format("rules_{}", name), address.address.family), address_part(address.address),
                               chain);
        batch.close_chain(Table::Inet, chain);
        batch.open_chain(Table::Bridge, chain, describe_rules(endpoint, direction, Table::Bridge));
        batch.jump_element(Table::Bridge, fmt::format("rules_{}", name), interface_part(endpoint.host_interface), chain);
        batch.close_chain(Table::Bridge, chain);
    }
}

// None: every address of the host.
std::optional<Address> host_address_of(const Publication& published)
{
    if (published.address.empty() || published.address == "0.0.0.0" || published.address == "::") return {};
    const Result<Address> address = parse_ip(published.address);
    return address ? std::optional(*address) : std::nullopt;
}

// Single ports are exact elements. A range that keeps its ports is one of an interval map; one that shifts them an element a port.
void change_published(Batch& batch, const Publication& published, const Address& target)
{
    const std::optional<Address> outside = host_address_of(published);
    const ElementPart protocol = protocol_part(published.protocol == "tcp" ? 6 : 17);  // by number, as in rules.cc
    auto key = [&](const ElementPart& port) {
        return outside ? std::vector{address_part(*outside), protocol, port} : std::vector{protocol, port};
    };
    const std::string_view where = outside ? "address" : "any";
    if (published.host_first != published.host_last && published.host_first == published.first)
        return batch.element(Table::Inet, of_family(fmt::format("{}_ranges", where), target.family),
                             key(port_part(published.host_first, published.host_last)), {address_part(target)});
    for (unsigned i = 0; i <= static_cast<unsigned>(published.host_last) - published.host_first; ++i) {
        const auto host_port = static_cast<uint16_t>(published.host_first + i), port = static_cast<uint16_t>(published.first + i);
        batch.element(Table::Inet, of_family(fmt::format("{}_ports", where), target.family), key(port_part(host_port, host_port)),
                      {address_part(target), port_part(port, port)});
    }
}

// What comes to the loopback is holm-relay's.
bool is_translated(const Publication& published, Family family)
{
    if (published.address.empty()) return true;
    const Result<Address> address = parse_ip(published.address);
    return address && address->family == family && !is_loopback(*address);
}

void change_publications(Batch& batch, const Endpoint& endpoint)
{
    for (Family family : {Family::V4, Family::V6}) {
        auto own = std::ranges::find(endpoint.addresses, family, [](const Cidr& one) { return one.address.family; });
        if (own == endpoint.addresses.end()) continue;
        for (const Publication& published : endpoint.published)
            if (is_translated(published, family)) change_published(batch, published, own->address);
    }
}

// Those of EVPN are told to the kernel by others.
void change_peers(Batch& batch, const Tunnel& tunnel)
{
    if (tunnel.id == 0 || tunnel.evpn) return;
    const ElementPart port = port_part(tunnel.port, tunnel.port), vni = vni_part(tunnel.id);
    batch.element(Table::Inet, "tunnels", {port, vni});
    for (const Address& peer : tunnel.peers) batch.element(Table::Inet, of_family("peers", peer.family), {port, vni, address_part(peer)});
}

}  // namespace

RulesetChange plan_elements(const Segment& segment, Change change)
{
    Batch batch(change);
    if (!segment.ours) return {};
    const ElementPart name = interface_part(segment.interface), tunnel = interface_part(segment.tunnel.interface);
    const bool has_tunnel = segment.tunnel.id != 0;
    batch.element(Table::Inet, "bridges", {name});
    batch.element(Table::Inet, "within", {name, name});
    if (segment.isolated) batch.element(Table::Inet, "isolated", {name});
    if (has_tunnel) batch.element(Table::Bridge, "tunnels", {tunnel});
    change_peers(batch, segment.tunnel);
    for (const Subnet& subnet : segment.subnets) {
        const Family family = subnet.block.address.family;
        const ElementPart block = block_part(subnet.block), gateway = address_part(subnet.gateway);
        batch.element(Table::Inet, of_family("gateways", family), {gateway});
        batch.element(Table::Inet, of_family("own_gateways", family), {name, gateway});
        if (segment.dns && segment.dns_port != dns_port)
            batch.element(Table::Inet, of_family("dns", family), {name, gateway}, {gateway, port_part(segment.dns_port, segment.dns_port)});
        batch.element(Table::Inet, of_family("siblings", family), {block, block});
        if (has_tunnel) batch.element(Table::Bridge, of_family("tunnel_gateways", family), {tunnel, gateway});
        if (has_tunnel && family == Family::V6) batch.element(Table::Bridge, "tunnel_targets", {tunnel, number_part(subnet.gateway)});
        if (segment.nat && !segment.isolated) batch.element(Table::Inet, of_family("masqueraded", family), {block});
    }
    return batch.take();
}

RulesetChange plan_publications(const Endpoint& endpoint, Change change)
{
    Batch batch(change);
    change_publications(batch, endpoint);
    return batch.take();
}

RulesetChange plan_elements(const MachineEndpoints& machine, Change change)
{
    Batch batch(change);
    for (const Endpoint& endpoint : machine.endpoints) {
        if (endpoint.type != EndpointType::Bridge || endpoint.network.empty()) continue;
        change_port(batch, endpoint);
        change_rules(batch, endpoint, Direction::In);
        change_rules(batch, endpoint, Direction::Out);
        change_publications(batch, endpoint);
    }
    return batch.take();
}

}  // namespace holm::network
