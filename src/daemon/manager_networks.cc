// ManagerObject: networks. What there is of them anybody may ask; whose addresses they gave is Inspect.
#include <algorithm>

#include "api/names.h"
#include "daemon/manager_object.h"
#include "daemon/network_files.h"
#include "network/frr.h"

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

// What a VXLAN has beyond a bridge: which one it is, and where its tunnels lead.
void add_tunnel(const network::Segment& segment, systemd::Options& all)
{
    const network::Tunnel& tunnel = segment.tunnel;
    if (tunnel.id == 0) return;
    const auto read = read_peers(segment.name);
    std::vector<std::string> addresses;
    for (const network::Address& peer : read && *read ? (*read)->addresses : tunnel.peers) addresses.push_back(network::describe(peer));
    all.insert({{"VxlanId", tunnel.id},
                {"VxlanPort", uint32_t{tunnel.port}},
                {"Tunnel", tunnel.interface},
                {"Local", network::describe(tunnel.local)},
                {"Evpn", tunnel.evpn},
                {"Peers", addresses},
                {"Frr", network::describe_frr(segment)}});
    if (read && *read && !(*read)->problem.empty()) all.insert({"PeersProblem", (*read)->problem});
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
                        {"Persistent", known.persistent},
                        {"Mtu", known.mtu}});
            add_tunnel(known, all);
        }
        granted.ok(all, members_of(lifecycle_, name.text()));
    });
}

// -- of a machine that runs ---------------------------------------------------------------------------------------------------------

void ManagerObject::connect(Reply reply, const std::string& name, const std::string& network, bool runtime)
{
    change_networks(std::move(reply), "connect", name, {.change = NetworkChange::Connect, .what = network, .runtime = runtime});
}

void ManagerObject::disconnect(Reply reply, const std::string& name, const std::string& network, bool runtime)
{
    change_networks(std::move(reply), "disconnect", name, {.change = NetworkChange::Disconnect, .what = network, .runtime = runtime});
}

void ManagerObject::publish(Reply reply, const std::string& name, const std::string& port, bool runtime)
{
    change_networks(std::move(reply), "publish", name, {.change = NetworkChange::Publish, .what = port, .runtime = runtime});
}

void ManagerObject::unpublish(Reply reply, const std::string& name, const std::string& port, bool runtime)
{
    change_networks(std::move(reply), "unpublish", name, {.change = NetworkChange::Unpublish, .what = port, .runtime = runtime});
}

void ManagerObject::change_networks(Reply reply, const char* verb, const std::string& text, NetworkChangeRequest request)
{
    if (!request.runtime)
        return reply.fail(
            error(Errc::NotSupported, "not supported yet: to keep it; with --runtime it holds until the machine's next start"));
    request.places = host_.catalogue.places();
    request.settings = host_.settings;
    authorise(std::move(reply), Privilege::Manage, verb, text,
              [this, request = std::move(request)](Reply granted, const MachineName& name) mutable {
                  const MachineEntry* machine = started_or_fail(name, granted);
                  if (!machine) return;
                  auto place = workers_.emplace(workers_.end());
                  auto done = [this, place, name, granted = std::move(granted)](Result<launch::Plan> plan) mutable {
                      auto ended = std::move(*place);
                      workers_.erase(place);
                      if (!plan) return granted.fail(plan.error());
                      lifecycle_.networks_changed(name, std::move(*plan));
                      granted.ok();
                  };
                  *place = start_changing_networks(host_.loop, *machine, std::move(request), std::move(done));
              });
}

}  // namespace holm::daemon
