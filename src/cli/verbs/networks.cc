// list-networks, network-status: what holmd says of networks. network-create, network-remove, connect, disconnect, publish, unpublish: one
// call each.
#include <unistd.h>

#include <tuple>

#include "base/fd.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/firewall.h"
#include "cli/host_firewall.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "machine/toml_value.h"

namespace holm::cli::verbs {

namespace {

// (name, up, interface, subnets, machines) of ListNetworks.
using Row = std::tuple<std::string, bool, std::string, std::vector<std::string>, uint32_t>;
// (machine, interface, MAC, addresses) of DescribeNetwork.
using Member = std::tuple<std::string, std::string, std::string, std::vector<std::string>>;

std::string describe_list(const Properties& properties, std::string_view name)
{
    auto value = properties.find(name);
    return value == properties.end() ? "" : describe_value(*value);
}

OwnTraffic traffic_of(const std::string& interface, const std::vector<std::string>& blocks)
{
    OwnTraffic own;
    if (!interface.empty()) own.interfaces.push_back(interface);
    for (const std::string& text : blocks)
        if (auto block = network::parse_cidr(text)) own.blocks.push_back(*block);
    return own;
}

// Who else drops what the network forwards, and what holm's own rules have dropped; nothing for who may not see the host's rules.
void add_firewall(Properties& network)
{
    const std::string ruleset = list_firewall();
    if (ruleset.empty() || !flag_of(network, "Up")) return;
    network["DroppedBy"] =
        find_dropping(ruleset, traffic_of(text_of(network, "Interface"), network.value("Subnets", std::vector<std::string>())));
    network["Dropped"] = Properties::object();
    for (const DropCounter& counter : find_drop_counters(ruleset)) network["Dropped"][counter.name] = counter.packets;
}

std::string describe_dropped(const Properties& network)
{
    std::string text;
    if (auto counters = network.find("Dropped"); counters != network.end())
        for (auto& [name, packets] : counters->items())
            if (packets != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, packets.get<uint64_t>());
    return text;
}

std::string describe_network(const Properties& network, const std::vector<Member>& members)
{
    std::string text = text_of(network, "Name") + "\n";
    auto line = [&](const char* title, const std::string& value) {
        if (!value.empty()) text += fmt::format("{:>12}: {}\n", title, value);
    };
    auto flag = [&](std::string_view name) { return std::string(flag_of(network, name) ? "yes" : "no"); };
    line("State", flag_of(network, "Up") ? "up" : "down");
    line("Definition", text_of(network, "Definition"));
    line("Interface", text_of(network, "Interface"));
    line("Subnets", describe_list(network, "Subnets"));
    line("Gateways", describe_list(network, "Gateways"));
    if (number_of(network, "Mtu") != 0) line("MTU", describe_list(network, "Mtu"));
    line("Domain", text_of(network, "Domain"));
    if (network.contains("Nat")) {
        line("NAT", flag("Nat"));
        line("DNS", flag("Dns"));
        line("DHCP", flag("Dhcp"));
        line("Isolated", flag("Isolated"));
    }
    if (network.contains("VxlanId")) {
        line("VXLAN", fmt::format("{} by '{}'", describe_list(network, "VxlanId"), text_of(network, "Tunnel")));
        line("Local", fmt::format("{}:{}", text_of(network, "Local"), describe_list(network, "VxlanPort")));
        line("Peers", flag_of(network, "Evpn") ? "as EVPN tells" : describe_list(network, "Peers"));
        line("Problem", text_of(network, "PeersProblem"));
    }
    for (auto& [machine, interface, mac, addresses] : members)
        line("Machine", fmt::format("{} ({} {}) {}", machine, interface, mac, fmt::join(addresses, " ")));
    line("Dropped", describe_dropped(network));
    if (auto others = network.find("DroppedBy"); others != network.end())
        for (const auto& chain : *others)
            line("Warning",
                 fmt::format("{} drops what machines send beyond the host, or get from there", printable(chain.get<std::string>())));
    return text;
}

Result<int> show_one(Client& client, const std::string& name, const Invocation& call)
{
    const std::string what = fmt::format("cannot look at network '{}'", printable(name));
    const MessageHandle answer = TRY(client.call("DescribeNetwork", name), what);
    Properties network = TRY(read_properties(answer.get()), what);
    const auto members = TRY(systemd::read<std::vector<Member>>(answer.get()), what);
    if (call.has("--frr")) {
        const std::string text = text_of(network, "Frr");
        if (text.empty())
            return error(Errc::Invalid, "network '{}' is not left to FRR: it has no 'evpn = true', or has not been up yet",
                         printable(name));
        TRY(print(text));
        return exit_done;
    }
    add_firewall(network);
    if (call.json == JsonStyle::Off) {
        TRY(print(describe_network(network, members)));
        return exit_done;
    }
    network["Machines"] = Properties::array();
    for (auto& [machine, interface, mac, addresses] : members)
        network["Machines"].push_back({{"Name", machine}, {"Interface", interface}, {"Mac", mac}, {"Addresses", addresses}});
    TRY(print(describe_json(network, call.json)));
    return exit_done;
}

std::string quoted_list(std::vector<std::string> values)
{
    for (std::string& value : values) value = machine::toml_quote(value);
    return fmt::format("[{}]", fmt::join(values, ", "));
}

// A definition of the options: holmd judges the values, as those of a file.
Result<std::string> definition_of(const Invocation& call)
{
    std::string text;
    auto line = [&](std::string_view key, std::string_view value) { text += fmt::format("{} = {}\n", key, value); };
    for (const char* key : {"type", "interface", "domain"})
        if (const std::string option = fmt::format("--{}", key); call.has(option)) line(key, machine::toml_quote(call.value(option)));
    if (call.has("--subnet")) line("subnets", quoted_list(call.values("--subnet")));
    if (call.has("--gateway")) line("gateway", quoted_list(call.values("--gateway")));
    if (call.has("--mtu")) {
        const auto mtu = parse_number(call.value("--mtu"), UINT32_MAX);
        if (!mtu) return error(Errc::Invalid, "--mtu: '{}' is no number", printable(call.value("--mtu")));
        line("mtu", fmt::format("{}", *mtu));
    }
    for (const char* key : {"isolated", "persistent"})
        if (call.has(fmt::format("--{}", key))) line(key, "true");
    for (const char* key : {"nat", "dns", "dhcp"})
        if (call.has(fmt::format("--no-{}", key))) line(key, "false");
    return text;
}

// --file stands for all others.
Result<std::string> definition_for(const Invocation& call)
{
    std::string text = TRY(definition_of(call));
    if (!call.has("--file")) return text;
    if (!text.empty()) return error(Errc::Invalid, "--file is a whole definition: no other option can stand beside it");
    if (call.value("--file") == "-") return read_all(STDIN_FILENO, machine::toml_size_limit);
    return read_file(call.value("--file"), machine::toml_size_limit);
}

}  // namespace

Result<int> list_networks(const Invocation& call)
{
    Client client = TRY(connect(call));
    const MessageHandle answer = TRY(client.call("ListNetworks"), "cannot list networks");
    const auto networks = TRY(systemd::read<std::vector<Row>>(answer.get()), "cannot list networks");
    Table table{
        .columns = {{"NETWORK", "name"}, {"STATE", "state"}, {"INTERFACE", "interface"}, {"SUBNETS", "subnets"}, {"MACHINES", "machines"}}};
    for (auto& [name, up, interface, subnets, machines] : networks)
        table.rows.push_back(
            {name, std::string(up ? "up" : "down"), interface, fmt::format("{}", fmt::join(subnets, " ")), uint64_t{machines}});
    TRY(print_table(table, call, "network"));
    return exit_done;
}

Result<int> network_status(const Invocation& call)
{
    Client client = TRY(connect(call));
    for (const std::string& name : call.operands) TRY(show_one(client, name, call));
    return exit_done;
}

OwnTraffic own_traffic(const Invocation& call)
{
    OwnTraffic own;
    auto client = connect(call);
    auto networks = client ? client->ask<std::vector<Row>>("ListNetworks") : Result<std::vector<Row>>(client.error());
    if (!networks) return own;
    for (auto& [name, up, interface, subnets, machines] : *networks) {
        const OwnTraffic one = traffic_of(interface, subnets);
        own.interfaces.insert(own.interfaces.end(), one.interfaces.begin(), one.interfaces.end());
        own.blocks.insert(own.blocks.end(), one.blocks.begin(), one.blocks.end());
    }
    return own;
}

Result<int> network_create(const Invocation& call)
{
    const std::string& name = call.operands[0];
    const std::string what = fmt::format("cannot make network '{}'", printable(name));
    auto definition = definition_for(call);
    if (!definition && definition.error().code == Errc::Invalid) return usage_error(definition.error());
    if (!definition) return with_context(definition.error(), what);
    Client client = TRY(connect(call));
    TRY(client.call("CreateNetwork", name, *definition), what);
    return exit_done;
}

Result<int> network_remove(const Invocation& call)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        TRY(client.call("RemoveNetwork", name), fmt::format("cannot remove network '{}'", printable(name)));
        return {};
    });
}

Result<int> change_networks(const Invocation& call, const char* method, std::string_view what)
{
    const std::string &name = call.operands[0], &wanted = call.operands[1];
    Client client = TRY(connect(call));
    TRY(client.call(method, name, wanted, call.has("--runtime")), cannot(what, name));
    return exit_done;
}

}  // namespace holm::cli::verbs
