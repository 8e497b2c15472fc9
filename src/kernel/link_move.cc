#include "kernel/link_move.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/text.h"

namespace holm::kernel {

namespace {

// Flags that outlive a move: who has the link next starts without them.
constexpr unsigned cleared_flags = IFF_UP | IFF_PROMISC | IFF_ALLMULTI;

}  // namespace

Result<std::optional<Link>> find_link(Netlink& netlink, int index)
{
    auto links = TRY(list_links(netlink));
    auto found = std::ranges::find(links, index, &Link::index);
    return found == links.end() ? std::optional<Link>() : std::optional(std::move(*found));
}

NetlinkRequest move_request(const LinkMove& move)
{
    NetlinkRequest request(RTM_NEWLINK, 0, ifinfomsg{.ifi_index = move.index, .ifi_flags = 0, .ifi_change = cleared_flags},
                           fmt::format("cannot move interface '{}' to another network namespace", move.name));
    request.put_text(IFLA_IFNAME, move.name).put_number(IFLA_NET_NS_PID, static_cast<uint32_t>(move.pid));
    if (move.new_index) request.put_number(IFLA_NEW_IFINDEX, int32_t{move.new_index});
    return request;
}

NetlinkRequest restore_request(const LinkRestoration& restoration)
{
    NetlinkRequest request(RTM_NEWLINK, 0, ifinfomsg{.ifi_index = restoration.index, .ifi_flags = 0, .ifi_change = cleared_flags},
                           fmt::format("cannot give interface '{}' what it had", restoration.name));
    request.put_text(IFLA_IFNAME, restoration.name);
    if (restoration.alias) request.put_text(IFLA_IFALIAS, *restoration.alias);
    if (restoration.mac) request.put(IFLA_ADDRESS, *restoration.mac);
    if (restoration.mtu) request.put_number(IFLA_MTU, restoration.mtu);
    return request;
}

Result<std::vector<std::string>> list_other_names(Netlink& netlink, int index)
{
    NetlinkRequest request(RTM_GETLINK, 0, ifinfomsg{.ifi_index = index}, "cannot look at the names of an interface");
    request.put_number(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
    std::vector<std::string> names;
    TRY(netlink.ask(request, [&](const NetlinkAnswer& answer) {
        if (answer.type != RTM_NEWLINK) return;
        for (std::string_view name : answer.attributes<ifinfomsg>().nest(IFLA_PROP_LIST).find_all(IFLA_ALT_IFNAME))
            names.emplace_back(name.substr(0, name.find('\0')));
    }));
    return names;
}

NetlinkRequest remove_name_request(int index, const std::string& name)
{
    NetlinkRequest request(RTM_DELLINKPROP, 0, ifinfomsg{.ifi_index = index},
                           fmt::format("cannot take the name '{}' away", printable(name)));
    const size_t list = request.begin_nest(IFLA_PROP_LIST);
    request.put_text(IFLA_ALT_IFNAME, name);
    request.end_nest(list);
    return request;
}

}  // namespace holm::kernel
