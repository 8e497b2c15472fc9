#include "daemon/network_view.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "api/network_names.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/network_files.h"
#include "kernel/definition_files.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

// Of the plans of machines.
std::map<std::string, std::vector<NetworkMember>> list_members(const Lifecycle& lifecycle)
{
    std::map<std::string, std::vector<NetworkMember>> members;
    for (const MachineEntry* machine : lifecycle.all()) {
        if (!machine->plan) continue;
        for (const network::Endpoint& endpoint : machine->plan->network.endpoints) {
            if (endpoint.network.empty()) continue;
            std::vector<std::string> addresses;
            for (const network::Cidr& cidr : endpoint.addresses) addresses.push_back(network::describe(cidr.address));
            members[endpoint.network].emplace_back(machine->name.text(), endpoint.interface, network::describe(endpoint.mac),
                                                   std::move(addresses));
        }
    }
    for (auto& [network, all] : members) std::ranges::sort(all);
    return members;
}

}  // namespace

std::vector<std::string> NetworkView::subnets() const
{
    std::vector<std::string> blocks;
    if (!segment) return blocks;
    for (const network::Subnet& subnet : segment->subnets) blocks.push_back(network::describe(subnet.block));
    return blocks;
}

std::vector<std::string> NetworkView::gateways() const
{
    std::vector<std::string> addresses;
    if (!segment) return addresses;
    for (const network::Subnet& subnet : segment->subnets) addresses.push_back(network::describe(subnet.gateway));
    return addresses;
}

// Each once, with as many interfaces as it may have on it.
std::vector<std::string> NetworkView::machines() const
{
    std::vector<std::string> names;
    for (const NetworkMember& member : members)
        if (names.empty() || names.back() != std::get<0>(member)) names.push_back(std::get<0>(member));
    return names;
}

Result<NetworkView> find_network_view(const Host& host, const Lifecycle& lifecycle, const std::string& text)
{
    const MachineName name = TRY(machine::parse_name(text));
    NetworkView view{.name = name.text(), .definition = "", .segment = {}, .members = {}};
    auto path = kernel::find_network(name, host.catalogue.places());
    auto up = read_segment(Place::Up, view.name);
    view.up = up && *up;
    auto drawn = view.up ? std::move(up) : read_segment(Place::Drawn, view.name);
    if (drawn) view.segment = std::move(*drawn);
    if (!path && !view.segment) return path.error();
    if (path) view.definition = std::move(*path);
    view.members = list_members(lifecycle)[view.name];
    return view;
}

std::vector<NetworkView> list_network_views(const Host& host, const Lifecycle& lifecycle)
{
    std::map<std::string, NetworkView> views;
    auto defined = kernel::list_networks(host.catalogue.places());
    if (!defined) log_warning("{}", defined.error().text);
    for (const MachineName& name : defined ? *defined : std::vector<MachineName>())
        if (auto path = kernel::find_network(name, host.catalogue.places())) views[name.text()].definition = std::move(*path);
    for (Place place : {Place::Drawn, Place::Up})
        for (network::Segment& segment : list_segments(place)) {
            NetworkView& view = views[segment.name];
            view.up = place == Place::Up;
            view.segment = std::move(segment);
        }
    auto members = list_members(lifecycle);
    std::vector<NetworkView> all;
    for (auto& [name, view] : views) {
        view.name = name;
        view.members = std::move(members[name]);
        all.push_back(std::move(view));
    }
    return all;
}

std::string network_path(const std::string& name)
{
    char* path = nullptr;
    if (sd_bus_path_encode(api::networks_path, name.c_str(), &path) < 0) return api::networks_path;
    std::string text = path;
    ::free(path);
    return text;
}

}  // namespace holm::daemon
