#include "network/observe.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "kernel/link.h"
#include "kernel/route.h"

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

}  // namespace

Result<HostNetworks> observe_host()
{
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    const std::vector<kernel::Link> links = TRY(kernel::list_links(netlink));
    const std::vector<kernel::Route> routes = TRY(kernel::list_routes(netlink));
    HostNetworks host;
    for (const kernel::Link& link : links) host.interfaces.push_back(link.name);
    for (const kernel::Route& route : routes)
        if (route.length && route.table != RT_TABLE_LOCAL) host.routes.emplace_back(destination_of(route), name_of(links, route.index));
    return host;
}

}  // namespace holm::network
