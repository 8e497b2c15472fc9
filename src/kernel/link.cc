#include "kernel/link.h"

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <system_error>
#include <thread>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr std::chrono::microseconds removal_pause{300};
// A group that nobody else has links in: "holm".
constexpr uint32_t removal_group = 0x686f6c6d;
constexpr uint16_t make_new = NLM_F_CREATE | NLM_F_EXCL;

Link read_link(const NetlinkAnswer& answer)
{
    const auto body = answer.body<ifinfomsg>();
    const auto attributes = answer.attributes<ifinfomsg>();
    Link link{.index = body.ifi_index,
              .name = attributes.text(IFLA_IFNAME),
              .kind = attributes.nest(IFLA_LINKINFO).text(IFLA_INFO_KIND),
              .alias = attributes.text(IFLA_IFALIAS),
              .master = attributes.number<int>(IFLA_MASTER),
              .mtu = attributes.number<uint32_t>(IFLA_MTU),
              .group = attributes.number<uint32_t>(IFLA_GROUP),
              .up = (body.ifi_flags & IFF_UP) != 0,
              .operational = attributes.number<uint8_t>(IFLA_OPERSTATE) == IF_OPER_UP};
    std::string_view mac = attributes.find(IFLA_ADDRESS).value_or("");
    if (mac.size() == link.mac.size()) std::ranges::copy(mac, link.mac.begin());
    return link;
}

void put_common(NetlinkRequest& request, const std::string& name, uint32_t mtu)
{
    request.put_text(IFLA_IFNAME, name);
    if (mtu) request.put_number(IFLA_MTU, mtu);
}

bool is_gone(const Result<>& done)
{
    return !done && done.error().sys_errno == ENODEV;
}

// False: somebody else has a link in that group.
Result<bool> put_into_removal_group(Netlink& netlink, const std::vector<Link>& links)
{
    std::set<int> ours;
    for (const Link& link : links) ours.insert(link.index);
    for (const Link& link : TRY(list_links(netlink)))
        if (link.group == removal_group && !ours.contains(link.index)) return false;
    std::vector<NetlinkRequest> requests;
    for (const Link& link : links) {
        requests.emplace_back(RTM_SETLINK, 0, ifinfomsg{.ifi_index = link.index},
                              fmt::format("cannot put interface '{}' into a group", link.name));
        requests.back().put_number(IFLA_GROUP, removal_group);
    }
    auto grouped = netlink.change(requests);
    if (!grouped && !is_gone(grouped)) return grouped.error();
    return true;
}

Result<> remove_group(Netlink& netlink)
{
    NetlinkRequest request(RTM_DELLINK, 0, ifinfomsg{}, "cannot remove a group of interfaces");
    request.put_number(IFLA_GROUP, removal_group);
    auto removed = netlink.change(request);
    return is_gone(removed) ? Result<>() : removed;
}

Result<> remove_each(Netlink& netlink, const std::vector<Link>& links)
{
    for (const Link& link : links) TRY(remove_link(netlink, link));
    return {};
}

}  // namespace

Result<std::optional<Link>> find_link(Netlink& netlink, const std::string& name)
{
    NetlinkRequest request(RTM_GETLINK, 0, ifinfomsg{}, fmt::format("cannot look at interface '{}'", printable(name)));
    request.put_text(IFLA_IFNAME, name).put_number(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
    std::optional<Link> found;
    auto asked = netlink.ask(request, [&](const NetlinkAnswer& answer) {
        if (answer.type == RTM_NEWLINK) found = read_link(answer);
    });
    if (!asked && asked.error().sys_errno != ENODEV) return asked.error();
    return found;
}

Result<std::vector<Link>> list_links(Netlink& netlink)
{
    NetlinkRequest request(RTM_GETLINK, 0, ifinfomsg{}, "cannot list the interfaces");
    request.put_number(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
    std::vector<Link> links;
    TRY(netlink.list(request, [&](const NetlinkAnswer& answer) { links.push_back(read_link(answer)); }, [&] { links.clear(); }));
    return links;
}

NetlinkRequest veth_request(const Veth& veth)
{
    NetlinkRequest request(RTM_NEWLINK, make_new, ifinfomsg{}, fmt::format("cannot make the pair '{}' and '{}'", veth.outer, veth.inner));
    put_common(request, veth.outer, veth.outer_mtu);
    if (veth.master) request.put_number(IFLA_MASTER, veth.master);
    size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "veth");
    size_t data = request.begin_nest(IFLA_INFO_DATA);
    size_t peer = request.begin_nest(VETH_INFO_PEER, NetlinkRequest::bytes_of(ifinfomsg{}));
    put_common(request, veth.inner, veth.inner_mtu);
    request.put(IFLA_ADDRESS, veth.inner_mac).put_number(IFLA_NET_NS_PID, static_cast<uint32_t>(veth.pid));
    request.end_nest(peer);
    request.end_nest(data);
    request.end_nest(info);
    return request;
}

NetlinkRequest macvlan_request(const Macvlan& macvlan)
{
    NetlinkRequest request(RTM_NEWLINK, make_new, ifinfomsg{},
                           fmt::format("cannot make '{}' on interface '{}'", macvlan.inner, macvlan.parent));
    put_common(request, macvlan.inner, macvlan.mtu);
    request.put_number(IFLA_LINK, macvlan.parent_index).put(IFLA_ADDRESS, macvlan.mac);
    request.put_number(IFLA_NET_NS_PID, static_cast<uint32_t>(macvlan.pid));
    size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "macvlan");
    size_t data = request.begin_nest(IFLA_INFO_DATA);
    request.put_number(IFLA_MACVLAN_MODE, uint32_t{MACVLAN_MODE_BRIDGE});
    request.end_nest(data);
    request.end_nest(info);
    return request;
}

NetlinkRequest ipvlan_request(const Ipvlan& ipvlan)
{
    NetlinkRequest request(RTM_NEWLINK, make_new, ifinfomsg{},
                           fmt::format("cannot make '{}' on interface '{}'", ipvlan.inner, ipvlan.parent));
    put_common(request, ipvlan.inner, ipvlan.mtu);
    request.put_number(IFLA_LINK, ipvlan.parent_index);
    request.put_number(IFLA_NET_NS_PID, static_cast<uint32_t>(ipvlan.pid));
    size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "ipvlan");
    size_t data = request.begin_nest(IFLA_INFO_DATA);
    request.put_number(IFLA_IPVLAN_MODE, uint16_t{IPVLAN_MODE_L2});
    request.end_nest(data);
    request.end_nest(info);
    return request;
}

NetlinkRequest bridge_request(const Bridge& bridge)
{
    NetlinkRequest request(RTM_NEWLINK, make_new, ifinfomsg{}, fmt::format("cannot make the bridge '{}'", bridge.name));
    put_common(request, bridge.name, bridge.mtu);
    request.put(IFLA_ADDRESS, bridge.mac);
    size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "bridge");
    size_t data = request.begin_nest(IFLA_INFO_DATA);
    request.put_number(IFLA_BR_STP_STATE, uint32_t{0}).put_number(IFLA_BR_FORWARD_DELAY, uint32_t{0});
    request.put_number(IFLA_BR_MCAST_SNOOPING, uint8_t{0});
    request.end_nest(data);
    request.end_nest(info);
    return request;
}

NetlinkRequest link_request(const LinkChange& change)
{
    const unsigned flags = change.up ? IFF_UP : 0;
    NetlinkRequest request(RTM_NEWLINK, 0, ifinfomsg{.ifi_flags = flags, .ifi_change = flags},
                           fmt::format("cannot {} interface '{}'", change.up ? "bring up" : "change", change.name));
    put_common(request, change.name, change.mtu);
    if (!change.alias.empty()) request.put_text(IFLA_IFALIAS, change.alias);
    if (change.mac) request.put(IFLA_ADDRESS, *change.mac);
    if (change.master) request.put_number(IFLA_MASTER, change.master);
    if (change.link_local == LinkLocal::Keep) return request;
    size_t families = request.begin_nest(IFLA_AF_SPEC);
    size_t family = request.begin_nest(AF_INET6);
    auto mode = change.link_local == LinkLocal::ByHand ? IN6_ADDR_GEN_MODE_NONE : IN6_ADDR_GEN_MODE_EUI64;
    request.put_number(IFLA_INET6_ADDR_GEN_MODE, static_cast<uint8_t>(mode));
    request.end_nest(family);
    request.end_nest(families);
    return request;
}

Result<> remove_link(Netlink& netlink, const Link& link)
{
    NetlinkRequest request(RTM_DELLINK, 0, ifinfomsg{.ifi_index = link.index}, fmt::format("cannot remove interface '{}'", link.name));
    auto removed = netlink.change(request);
    return is_gone(removed) ? Result<>() : removed;
}

Result<> remove_links_from_sight(Netlink& netlink, const std::vector<Link>& links)
{
    if (links.empty()) return {};
    const bool grouped = links.size() > 1 && TRY(put_into_removal_group(netlink, links));
    auto socket = std::make_shared<Netlink>(TRY(open_netlink()));
    auto removed = std::make_shared<std::promise<Result<>>>();
    std::future<Result<>> answer = removed->get_future();
    auto remove = [=] { return grouped ? remove_group(*socket) : remove_each(*socket, links); };
    try {
        std::thread([=] { removed->set_value(remove()); }).detach();
    } catch (const std::system_error&) {
        return remove();
    }
    for (const Link& link : links) {
        while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            auto there = TRY(find_link(netlink, link.name));
            if (!there || there->index != link.index) break;
            answer.wait_for(removal_pause);
        }
    }
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready ? answer.get() : Result<>();
}

}  // namespace holm::kernel
