#include "network/observe_link.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>

#include "kernel/link_move.h"
#include "kernel/route.h"

namespace holm::network {

namespace {

// An alias is the host's own text, of any bytes: one that a plan could not keep is not kept.
std::string alias_of(const kernel::Link& link)
{
    auto plain = [](char letter) { return letter >= ' ' && letter <= '~'; };
    return std::ranges::all_of(link.alias, plain) ? link.alias : "";
}

}  // namespace

Result<FoundLink> observe_link(const std::string& name)
{
    if (name.size() >= IFNAMSIZ) return FoundLink();  // the kernel does not even look
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    const auto link = TRY(kernel::find_link(netlink, name));
    if (!link) return FoundLink();
    FoundLink found{.name = link->name,
                    .link = {.index = link->index, .mac = link->mac, .mtu = link->mtu, .kind = link->kind, .alias = alias_of(*link)},
                    .is_loopback = link->name == "lo"};
    found.link.names = TRY(kernel::list_other_names(netlink, link->index));
    if (link->master != 0) {
        const auto master = TRY(kernel::find_link(netlink, link->master));
        found.master = master ? master->name : "?";
    }
    const auto routes = TRY(kernel::list_routes(netlink));
    found.has_default_route = std::ranges::any_of(
        routes, [&](const kernel::Route& route) { return route.length == 0 && route.index == link->index && route.type == RTN_UNICAST; });
    return found;
}

}  // namespace holm::network
