#include "network/ruleset_elements.h"

#include <algorithm>

#include "network/relayed.h"
#include "network/rules.h"

namespace holm::network {

namespace {

// The text of a transaction. What is removed is added first: nft 1.0.6 knows no other way to remove what may not be there.
class Batch {
public:
    explicit Batch(Change change) : change_(change) {}

    void element(std::string_view table, std::string_view set, std::string_view key, std::string_view value = {})
    {
        const std::string entry = value.empty() ? std::string(key) : fmt::format("{} : {}", key, value);
        text_ += fmt::format("add element {} {} {{ {} }}\n", table, set, entry);
        if (change_ == Change::Remove) text_ += fmt::format("delete element {} {} {{ {} }}\n", table, set, entry);
    }
    // A chain that entries of maps lead to: before them when it comes, behind them when it goes.
    void open_chain(std::string_view table, std::string_view chain, const std::vector<std::string>& rules)
    {
        text_ += fmt::format("add chain {0} {1}\nflush chain {0} {1}\n", table, chain);
        if (change_ == Change::Remove) return;
        for (const std::string& rule : rules) text_ += fmt::format("add rule {} {} {}\n", table, chain, rule);
    }
    void close_chain(std::string_view table, std::string_view chain)
    {
        if (change_ == Change::Remove) text_ += fmt::format("delete chain {} {}\n", table, chain);
    }
    std::string take() { return std::move(text_); }

private:
    Change change_;
    std::string text_;
};

constexpr std::string_view inet = "inet holm", bridge = "bridge holm";

std::string quoted(std::string_view interface)
{
    return fmt::format("\"{}\"", interface);
}

// "sources4", "sources6": a set of each family.
std::string of_family(std::string_view set, Family family)
{
    return fmt::format("{}{}", set, family == Family::V4 ? 4 : 6);
}

// Sets of nft have no type for the target of a neighbour advertisement: 128 bits as a number.
std::string describe_number(const Address& address)
{
    std::string digits = "0x";
    for (uint8_t byte : address.bytes) digits += fmt::format("{:02x}", byte);
    return digits;
}

void change_source(Batch& batch, const std::string& port, const Address& address)
{
    batch.element(bridge, of_family("sources", address.family), fmt::format("{} . {}", port, describe(address)));
    if (address.family == Family::V6) batch.element(bridge, "targets", fmt::format("{} . {}", port, describe_number(address)));
}

// What may come out of the machine's port: a handful of elements.
void change_port(Batch& batch, const Endpoint& endpoint)
{
    const std::string port = quoted(endpoint.host_interface);
    batch.element(bridge, "ports", port);
    batch.element(bridge, "macs", fmt::format("{} . {}", port, describe(endpoint.mac)));
    for (const Cidr& address : endpoint.addresses) change_source(batch, port, address.address);
    change_source(batch, port, link_local_of(endpoint.mac));
    // On a bridge of others, who give the addresses: they are not known here.
    if (!endpoint.addresses.empty()) return;
    for (Family family : {Family::V4, Family::V6}) batch.element(bridge, of_family("unaddressed", family), port);
}

void change_rules(Batch& batch, const Endpoint& endpoint, Direction direction)
{
    const std::string_view name = direction == Direction::In ? "in" : "out";
    const std::string chain = fmt::format("{}-{}", name, endpoint.host_interface), jump = "jump " + chain;
    if (std::vector<std::string> rules = describe_rules(endpoint, direction, Table::Inet); !rules.empty()) {
        batch.open_chain(inet, chain, rules);
        for (const Cidr& address : endpoint.addresses)
            batch.element(inet, of_family(fmt::format("rules_{}", name), address.address.family), describe(address.address), jump);
        batch.close_chain(inet, chain);
        batch.open_chain(bridge, chain, describe_rules(endpoint, direction, Table::Bridge));
        batch.element(bridge, fmt::format("rules_{}", name), quoted(endpoint.host_interface), jump);
        batch.close_chain(bridge, chain);
    }
}

struct Target {
    std::string address;
    std::string_view digit;  // of the family: "4", "6"
};

// Single ports are exact elements. A range that keeps its ports is one of an interval map; one that shifts them an element a port.
void change_published(Batch& batch, const Publication& published, const Target& target)
{
    const bool any = published.address.empty() || published.address == "0.0.0.0" || published.address == "::";
    const int protocol = published.protocol == "tcp" ? 6 : 17;  // by number, as in rules.cc
    const std::string outside = any ? fmt::format("{}", protocol) : fmt::format("{} . {}", published.address, protocol);
    const std::string_view where = any ? "any" : "address";
    if (published.host_first != published.host_last && published.host_first == published.first) {
        batch.element(inet, fmt::format("{}_ranges{}", where, target.digit),
                      fmt::format("{} . {}-{}", outside, published.host_first, published.host_last), target.address);
        return;
    }
    const std::string ports = fmt::format("{}_ports{}", where, target.digit);
    for (unsigned i = 0; i <= static_cast<unsigned>(published.host_last) - published.host_first; ++i)
        batch.element(inet, ports, fmt::format("{} . {}", outside, published.host_first + i),
                      fmt::format("{} . {}", target.address, published.first + i));
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
        const Target target{describe(own->address), family == Family::V4 ? "4" : "6"};
        for (const Publication& published : endpoint.published)
            if (is_translated(published, family)) change_published(batch, published, target);
    }
}

}  // namespace

std::string describe_elements(const Segment& segment, Change change)
{
    Batch batch(change);
    if (!segment.ours) return "";
    const std::string name = quoted(segment.interface);
    batch.element(inet, "bridges", name);
    batch.element(inet, "within", fmt::format("{0} . {0}", name));
    if (segment.isolated) batch.element(inet, "isolated", name);
    const std::string tunnel = quoted(segment.tunnel.interface);
    if (segment.tunnel.id != 0) batch.element(bridge, "tunnels", tunnel);
    for (const Subnet& subnet : segment.subnets) {
        const Family family = subnet.block.address.family;
        const std::string block = describe(subnet.block), gateway = describe(subnet.gateway);
        batch.element(inet, of_family("gateways", family), gateway);
        batch.element(inet, of_family("own_gateways", family), fmt::format("{} . {}", name, gateway));
        batch.element(inet, of_family("siblings", family), fmt::format("{0} . {0}", block));
        if (segment.tunnel.id != 0) batch.element(bridge, of_family("tunnel_gateways", family), fmt::format("{} . {}", tunnel, gateway));
        if (segment.tunnel.id != 0 && family == Family::V6)
            batch.element(bridge, "tunnel_targets", fmt::format("{} . {}", tunnel, describe_number(subnet.gateway)));
        if (segment.nat && !segment.isolated) batch.element(inet, of_family("masqueraded", family), block);
    }
    return batch.take();
}

std::string describe_publications(const Endpoint& endpoint, Change change)
{
    Batch batch(change);
    change_publications(batch, endpoint);
    return batch.take();
}

std::string describe_elements(const MachineEndpoints& machine, Change change)
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
