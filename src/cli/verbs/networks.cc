// list-networks, network-status: what holmd says of networks. connect, disconnect, publish, unpublish: one call each.
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

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

Result<int> change_networks(const Invocation& call, const char* method, std::string_view what)
{
    const std::string &name = call.operands[0], &wanted = call.operands[1];
    Client client = TRY(connect(call));
    TRY(client.call(method, name, wanted, call.has("--runtime")), cannot(what, name));
    return exit_done;
}

}  // namespace holm::cli::verbs
