#include "daemon/network_links.h"

#include <algorithm>

#include "api/names.h"
#include "daemon/network_files.h"
#include "network/apply_machine.h"
#include "network/apply_physical.h"
#include "network/observe_link.h"

namespace holm::daemon {

using network::Endpoint;
using network::EndpointType;
using network::FoundLink;
using network::MachineEndpoints;

namespace {

bool is_inside(const Endpoint& endpoint, const std::string& link)
{
    return endpoint.type == EndpointType::Physical && endpoint.parent == link;
}

// Of a machine that runs: it has the link, or it has something on it.
void name_machine(const MachineEndpoints& machine, bool is_own, const std::string& asked, FoundLink& found)
{
    for (const Endpoint& endpoint : machine.endpoints) {
        const bool inside = is_inside(endpoint, asked) && found.name.empty();
        if (inside && is_own) {
            found.name = asked, found.link = endpoint.link;
            return;
        }
        if (!inside && (is_own || (endpoint.parent != asked && endpoint.host_interface != asked))) continue;
        if (!inside && endpoint.type == EndpointType::Physical) continue;  // it is back: another has its name
        found.machine = machine.machine, found.is_inside = inside;
    }
}

void name_network(const std::vector<network::Segment>& segments, FoundLink& found)
{
    for (const network::Segment& segment : segments)
        if (segment.interface == found.name || (segment.tunnel.id != 0 && segment.tunnel.interface == found.name))
            found.network = segment.name;
}

}  // namespace

Result<std::map<size_t, FoundLink>> find_links(const machine::MachineName& name, const machine::Spec& spec)
{
    std::map<size_t, FoundLink> links;
    const auto wanted = network::links_of(spec);
    if (wanted.empty()) return links;
    const auto machines = list_endpoints();
    const auto segments = list_segments(Place::Up);
    for (const auto& [index, asked] : wanted) {
        FoundLink& found = links[index];
        found = TRY(network::observe_link(asked));
        for (const MachineEndpoints& machine : machines) name_machine(machine, machine.machine == name.text(), asked, found);
        name_network(segments, found);
    }
    return links;
}

Result<> add_interfaces(const machine::MachineName& name, const network::Plan& added, int pid, int leader)
{
    TRY(network::move_in(added, api::links_path(name), pid));
    return network::apply_outside(added, pid, leader);
}

}  // namespace holm::daemon
