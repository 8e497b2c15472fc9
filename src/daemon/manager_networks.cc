// ManagerObject: networks. What there is of them anybody may ask; whose addresses they gave is Inspect.
#include <algorithm>

#include "api/names.h"
#include "daemon/manager_object.h"
#include "daemon/network_files.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

std::vector<std::string> describe_subnets(const network::Segment& segment)
{
    std::vector<std::string> subnets;
    for (const network::Subnet& subnet : segment.subnets) subnets.push_back(network::describe(subnet.block));
    return subnets;
}

// Its machines, with their interface, MAC and addresses, of their plans.
using Members = std::vector<std::tuple<std::string, std::string, std::string, std::vector<std::string>>>;
Members members_of(const Lifecycle& lifecycle, const std::string& network)
{
    Members members;
    for (const MachineEntry* machine : lifecycle.all()) {
        if (!machine->plan) continue;
        for (const network::Endpoint& endpoint : machine->plan->network.endpoints) {
            if (endpoint.network != network) continue;
            std::vector<std::string> addresses;
            for (const network::Cidr& cidr : endpoint.addresses) addresses.push_back(network::describe(cidr.address));
            members.emplace_back(machine->name.text(), endpoint.interface, network::describe(endpoint.mac), std::move(addresses));
        }
    }
    std::ranges::sort(members);
    return members;
}

}  // namespace

void ManagerObject::list_networks(Reply reply)
{
    using Row = std::tuple<std::string, bool, std::string, std::vector<std::string>, uint32_t>;
    auto defined = kernel::list_networks(host_.catalogue.places());
    if (!defined) return reply.fail(defined.error());
    std::map<std::string, Row> rows;
    for (const MachineName& name : *defined) rows[name.text()] = {name.text(), false, "", {}, 0};
    for (Place place : {Place::Drawn, Place::Up})
        for (const network::Segment& segment : list_segments(place))
            rows[segment.name] = {segment.name, place == Place::Up, segment.interface, describe_subnets(segment),
                                  static_cast<uint32_t>(members_of(lifecycle_, segment.name).size())};
    std::vector<Row> all;
    for (auto& [name, row] : rows) all.push_back(std::move(row));
    reply.ok(all);
}

void ManagerObject::describe_network(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "network-status", text, [this](Reply granted, const MachineName& name) {
        auto path = kernel::find_network(name, host_.catalogue.places());
        auto up = read_segment(Place::Up, name.text()), drawn = read_segment(Place::Drawn, name.text());
        const bool is_up = up && *up;
        const auto& segment = is_up ? up : drawn;
        if (!path && !(segment && *segment)) return granted.fail(path.error());
        systemd::Options all = {{"Name", name.text()}, {"Up", is_up}, {"Definition", path ? *path : std::string()}};
        if (segment && *segment) {
            const network::Segment& known = **segment;
            std::vector<std::string> gateways;
            for (const network::Subnet& subnet : known.subnets) gateways.push_back(network::describe(subnet.gateway));
            all.insert({{"Interface", known.interface},
                        {"Subnets", describe_subnets(known)},
                        {"Gateways", gateways},
                        {"Domain", known.domain},
                        {"Nat", known.nat},
                        {"Dns", known.dns},
                        {"Dhcp", known.dhcp},
                        {"Isolated", known.isolated},
                        {"Persistent", known.persistent}});
        }
        granted.ok(all, members_of(lifecycle_, name.text()));
    });
}

}  // namespace holm::daemon
