#include "kernel/vxlan.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr uint16_t make_new = NLM_F_CREATE | NLM_F_EXCL;
constexpr std::array<uint8_t, ETH_ALEN> all_addresses{};

IpBytes bytes_of(std::string_view bytes)
{
    return {bytes.begin(), bytes.end()};
}

NetlinkRequest look_request(const std::string& name)
{
    NetlinkRequest request(RTM_GETLINK, 0, ifinfomsg{}, fmt::format("cannot look at interface '{}'", printable(name)));
    request.put_text(IFLA_IFNAME, name).put_number(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
    return request;
}

Vxlan read_vxlan(const NetlinkAttributes& attributes, const NetlinkAttributes& data)
{
    auto local = data.find(IFLA_VXLAN_LOCAL);
    return {.name = attributes.text(IFLA_IFNAME),
            .id = data.number<uint32_t>(IFLA_VXLAN_ID),
            .port = ntohs(data.number<uint16_t>(IFLA_VXLAN_PORT)),
            .local = bytes_of(local ? *local : data.find(IFLA_VXLAN_LOCAL6).value_or("")),
            .learns = data.number<uint8_t>(IFLA_VXLAN_LEARNING) != 0,
            .mtu = attributes.number<uint32_t>(IFLA_MTU),
            .master = attributes.number<int>(IFLA_MASTER)};
}

NetlinkRequest flood_request(uint16_t type, uint16_t flags, int index, const IpBytes& destination)
{
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(destination.size() == 4 ? AF_INET : AF_INET6, destination.data(), text, sizeof text);
    const ndmsg body{
        .ndm_family = AF_BRIDGE, .ndm_ifindex = index, .ndm_state = NUD_NOARP | NUD_PERMANENT, .ndm_flags = NTF_SELF, .ndm_type = 0};
    NetlinkRequest request(type, flags, body,
                           fmt::format("cannot {} the tunnel to {}", type == RTM_NEWNEIGH ? "make" : "remove", std::string_view(text)));
    request.put(NDA_LLADDR, all_addresses).put(NDA_DST, destination);
    return request;
}

}  // namespace

NetlinkRequest vxlan_request(const Vxlan& vxlan)
{
    NetlinkRequest request(RTM_NEWLINK, make_new, ifinfomsg{},
                           fmt::format("cannot make the tunnel '{}' of VXLAN {}", vxlan.name, vxlan.id));
    request.put_text(IFLA_IFNAME, vxlan.name);
    if (vxlan.mtu) request.put_number(IFLA_MTU, vxlan.mtu);
    if (vxlan.master) request.put_number(IFLA_MASTER, vxlan.master);
    size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "vxlan");
    size_t data = request.begin_nest(IFLA_INFO_DATA);
    request.put_number(IFLA_VXLAN_ID, vxlan.id).put_number(IFLA_VXLAN_PORT, htons(vxlan.port));
    request.put(vxlan.local.size() == 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, vxlan.local);
    request.put_number(IFLA_VXLAN_LEARNING, uint8_t{vxlan.learns});
    request.end_nest(data);
    request.end_nest(info);
    return request;
}

Result<std::optional<Vxlan>> find_vxlan(Netlink& netlink, const std::string& name)
{
    std::optional<Vxlan> found;
    bool is_other = false;
    auto asked = netlink.ask(look_request(name), [&](const NetlinkAnswer& answer) {
        if (answer.type != RTM_NEWLINK) return;
        const auto attributes = answer.attributes<ifinfomsg>();
        const auto info = attributes.nest(IFLA_LINKINFO);
        is_other = info.text(IFLA_INFO_KIND) != "vxlan";
        if (!is_other) found = read_vxlan(attributes, info.nest(IFLA_INFO_DATA));
    });
    if (!asked && asked.error().sys_errno != ENODEV) return asked.error();
    if (is_other) return error(Errc::Exists, "there is an interface '{}' already, which is no VXLAN", printable(name));
    return found;
}

NetlinkRequest port_mode_request(const std::string& port, const PortMode& mode)
{
    NetlinkRequest request(RTM_NEWLINK, 0, ifinfomsg{}, fmt::format("cannot change the port '{}' of a bridge", port));
    request.put_text(IFLA_IFNAME, port);
    size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
    size_t data = request.begin_nest(IFLA_INFO_SLAVE_DATA);
    request.put_number(IFLA_BRPORT_LEARNING, uint8_t{mode.learns}).put_number(IFLA_BRPORT_NEIGH_SUPPRESS, uint8_t{mode.answers_for_it});
    request.end_nest(data);
    request.end_nest(info);
    return request;
}

Result<PortMode> read_port_mode(Netlink& netlink, const std::string& port)
{
    PortMode mode;
    TRY(netlink.ask(look_request(port), [&](const NetlinkAnswer& answer) {
        if (answer.type != RTM_NEWLINK) return;
        const auto data = answer.attributes<ifinfomsg>().nest(IFLA_LINKINFO).nest(IFLA_INFO_SLAVE_DATA);
        mode = {.learns = data.number<uint8_t>(IFLA_BRPORT_LEARNING) != 0,
                .answers_for_it = data.number<uint8_t>(IFLA_BRPORT_NEIGH_SUPPRESS) != 0};
    }));
    return mode;
}

Result<std::vector<IpBytes>> list_floods(Netlink& netlink, int index)
{
    std::vector<IpBytes> destinations;
    NetlinkRequest request(RTM_GETNEIGH, 0, ndmsg{.ndm_family = AF_BRIDGE, .ndm_ifindex = index}, "cannot list where a tunnel leads");
    auto reader = [&](const NetlinkAnswer& answer) {
        const auto body = answer.body<ndmsg>();
        const auto attributes = answer.attributes<ndmsg>();
        const bool by_hand = (body.ndm_flags & NTF_SELF) && (body.ndm_state & NUD_PERMANENT) && !(body.ndm_flags & NTF_EXT_LEARNED);
        const auto destination = attributes.find(NDA_DST);
        if (body.ndm_ifindex != index || !by_hand || !destination) return;
        if (attributes.find(NDA_LLADDR) == NetlinkRequest::bytes_of(all_addresses)) destinations.push_back(bytes_of(*destination));
    };
    TRY(netlink.list(request, reader, [&] { destinations.clear(); }));
    return destinations;
}

NetlinkRequest add_flood_request(int index, const IpBytes& destination)
{
    return flood_request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, index, destination);
}

NetlinkRequest remove_flood_request(int index, const IpBytes& destination)
{
    return flood_request(RTM_DELNEIGH, 0, index, destination);
}

}  // namespace holm::kernel
