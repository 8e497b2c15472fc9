#include "network/observe.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>

#include "kernel/link.h"
#include "kernel/route.h"
#include "network/ip_bytes.h"

namespace holm::network {

namespace {

std::string name_of(const std::vector<kernel::Link>& links, int index)
{
    auto link = std::ranges::find(links, index, &kernel::Link::index);
    return link == links.end() ? "" : link->name;
}

Cidr destination_of(const kernel::Route& route)
{
    Cidr cidr{.address = {.family = route.destination.size() == 4 ? Family::V4 : Family::V6}, .length = route.length};
    std::ranges::copy(route.destination, cidr.address.bytes.begin());
    return cidr;
}

Address address_of(const kernel::IpBytes& bytes)
{
    Address address{.family = bytes.size() == 4 ? Family::V4 : Family::V6};
    std::ranges::copy(bytes, address.bytes.begin());
    return address;
}

// Another host than this one, by which the way out is found.
Result<std::optional<Address>> find_first_peer(kernel::Netlink& netlink, const VxlanDefinition& vxlan)
{
    for (const std::string& text : vxlan.peers) {
        const Address peer = TRY(parse_ip(text));
        if (!TRY(kernel::has_local(netlink, bytes_of(peer)))) return peer;
    }
    return std::optional<Address>();
}

// Of a host whose addresses are its loopback's: by where everything goes that has no place of its own.
int find_default(const std::vector<kernel::Route>& routes, Family family)
{
    auto found = std::ranges::find_if(routes, [&](const kernel::Route& route) {
        return route.length == 0 && route.index != 0 && (route.destination.size() == 4) == (family == Family::V4) &&
               route.type == RTN_UNICAST;
    });
    return found == routes.end() ? 0 : found->index;
}

}  // namespace

Result<HostNetworks> observe_host()
{
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    HostNetworks host;
    for (const kernel::Route& route : TRY(kernel::list_routes(netlink))) {
        if (route.length == 0 || route.table == RT_TABLE_LOCAL) continue;
        std::array<char, IF_NAMESIZE> name{};
        ::if_indextoname(static_cast<unsigned>(route.index), name.data());
        host.routes.emplace_back(destination_of(route), name.data());
    }
    return host;
}

Result<bool> has_interface(const std::string& name)
{
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    return TRY(kernel::find_link(netlink, name)).has_value();
}

std::vector<Definition> observe_definitions(const kernel::Places& places)
{
    std::vector<Definition> definitions;
    auto names = kernel::list_networks(places);
    for (const machine::MachineName& name : names.value_or(std::vector<machine::MachineName>())) {
        auto sources = kernel::read_network_sources(name, places);
        auto definition = sources ? parse_definition(name, *sources) : Result<Definition>(sources.error());
        if (definition) definitions.push_back(std::move(*definition));
    }
    return definitions;
}

Result<std::optional<Underlay>> observe_underlay(const Definition& definition)
{
    const VxlanDefinition& vxlan = definition.vxlan;
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    const std::vector<kernel::Link> links = TRY(kernel::list_links(netlink));
    kernel::Path path;
    if (const auto peer = TRY(find_first_peer(netlink, vxlan))) path = TRY(kernel::find_path(netlink, bytes_of(*peer)));
    if (!vxlan.local.empty()) {
        path.source = bytes_of(TRY(parse_ip(vxlan.local)));
        const int holder = TRY(kernel::find_holder(netlink, path.source));
        if (holder == 0)
            return error(Errc::NotFound, "the local address {} of network '{}' is none of this host", vxlan.local, definition.name.text());
        if (path.index == 0) path.index = holder;
    }
    if (path.source.empty()) return std::optional<Underlay>();
    auto is_loopback = [&](int index) { return name_of(links, index) == "lo"; };
    const Address local = address_of(path.source);
    if (is_loopback(path.index)) {
        const std::vector<kernel::Route> routes = TRY(kernel::list_routes(netlink));
        if (const int way_out = find_default(routes, local.family)) path.index = way_out;
    }
    auto link = std::ranges::find(links, path.index, &kernel::Link::index);
    if (link == links.end()) return std::optional<Underlay>();
    const uint32_t mtu = path.mtu ? std::min(path.mtu, link->mtu) : link->mtu;
    return Underlay{.local = local, .interface = link->name, .mtu = mtu};
}

}  // namespace holm::network
