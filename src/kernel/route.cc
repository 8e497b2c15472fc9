#include "kernel/route.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace holm::kernel {

namespace {

IpBytes bytes_of(std::string_view bytes)
{
    return {bytes.begin(), bytes.end()};
}

uint8_t family_of(const IpBytes& address)
{
    return address.size() == 4 ? AF_INET : AF_INET6;
}

std::string describe_bytes(const IpBytes& address)
{
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(family_of(address), address.data(), text, sizeof text);
    return text;
}

LinkAddress read_address(const NetlinkAnswer& answer)
{
    const auto body = answer.body<ifaddrmsg>();
    const auto attributes = answer.attributes<ifaddrmsg>();
    auto address = attributes.find(IFA_LOCAL);  // of IPv4; IFA_ADDRESS is that of the other end, where there is one
    return {.address = bytes_of(address ? *address : attributes.find(IFA_ADDRESS).value_or("")),
            .length = body.ifa_prefixlen,
            .tentative = (attributes.number<uint32_t>(IFA_FLAGS) & IFA_F_TENTATIVE) != 0};
}

Route read_route(const NetlinkAnswer& answer)
{
    const auto body = answer.body<rtmsg>();
    const auto attributes = answer.attributes<rtmsg>();
    Route route{.destination = bytes_of(attributes.find(RTA_DST).value_or("")),
                .length = body.rtm_dst_len,
                .index = attributes.number<int>(RTA_OIF),
                .table = attributes.number<uint32_t>(RTA_TABLE),
                .type = body.rtm_type,
                .gateway = bytes_of(attributes.find(RTA_GATEWAY).value_or(""))};
    if (route.destination.empty()) route.destination.resize(body.rtm_family == AF_INET ? 4 : 16);
    if (!route.table) route.table = body.rtm_table;
    if (!route.index) route.index = attributes.number<rtnexthop>(RTA_MULTIPATH).rtnh_ifindex;
    return route;
}

// No route is no error: `reader` is not called.
Result<> ask_route(Netlink& netlink, const IpBytes& address, const Netlink::Reader& reader)
{
    rtmsg body{.rtm_family = family_of(address), .rtm_dst_len = static_cast<uint8_t>(8 * address.size())};
    NetlinkRequest request(RTM_GETROUTE, 0, body, fmt::format("cannot look for the route to {}", describe_bytes(address)));
    request.put(RTA_DST, address);
    auto asked = netlink.ask(request, reader);
    if (!asked && asked.error().sys_errno != ENETUNREACH && asked.error().sys_errno != EHOSTUNREACH) return asked.error();
    return {};
}

}  // namespace

Result<std::vector<LinkAddress>> list_addresses(Netlink& netlink, int index)
{
    std::vector<LinkAddress> addresses;
    NetlinkRequest request(RTM_GETADDR, 0, ifaddrmsg{.ifa_index = static_cast<unsigned>(index)}, "cannot list the addresses");
    auto reader = [&](const NetlinkAnswer& answer) {
        // A kernel that knows no filter gives those of all.
        if (answer.body<ifaddrmsg>().ifa_index == static_cast<unsigned>(index)) addresses.push_back(read_address(answer));
    };
    TRY(netlink.list(request, reader, [&] { addresses.clear(); }));
    return addresses;
}

NetlinkRequest address_request(const NewAddress& address)
{
    ifaddrmsg body{.ifa_family = family_of(address.address),
                   .ifa_prefixlen = address.length,
                   .ifa_flags = 0,
                   .ifa_scope = RT_SCOPE_UNIVERSE,
                   .ifa_index = static_cast<unsigned>(address.index)};
    NetlinkRequest request(
        RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body,
        fmt::format("cannot give interface '{}' the address {}/{}", address.name, describe_bytes(address.address), address.length));
    request.put(IFA_LOCAL, address.address).put(IFA_ADDRESS, address.address);
    if (!address.broadcast.empty()) request.put(IFA_BROADCAST, address.broadcast);
    if (body.ifa_family == AF_INET6) request.put_number(IFA_FLAGS, uint32_t{IFA_F_NODAD});
    return request;
}

Result<bool> has_local(Netlink& netlink, const IpBytes& address)
{
    bool local = false;
    TRY(ask_route(netlink, address, [&](const NetlinkAnswer& answer) { local = answer.body<rtmsg>().rtm_type == RTN_LOCAL; }));
    return local;
}

Result<int> find_holder(Netlink& netlink, const IpBytes& address)
{
    int index = 0;
    NetlinkRequest request(RTM_GETADDR, 0, ifaddrmsg{.ifa_family = family_of(address)}, "cannot list the addresses");
    auto reader = [&](const NetlinkAnswer& answer) {
        if (read_address(answer).address == address) index = static_cast<int>(answer.body<ifaddrmsg>().ifa_index);
    };
    TRY(netlink.list(request, reader, [&] { index = 0; }));
    return index;
}

Result<Path> find_path(Netlink& netlink, const IpBytes& destination)
{
    Path path;
    TRY(ask_route(netlink, destination, [&](const NetlinkAnswer& answer) {
        const auto attributes = answer.attributes<rtmsg>();
        path = {.index = attributes.number<int>(RTA_OIF),
                .source = bytes_of(attributes.find(RTA_PREFSRC).value_or("")),
                .mtu = attributes.nest(RTA_METRICS).number<uint32_t>(RTAX_MTU)};
    }));
    return path;
}

NetlinkRequest default_route_request(const DefaultRoute& route)
{
    rtmsg body{.rtm_family = family_of(route.gateway),
               .rtm_table = RT_TABLE_MAIN,
               .rtm_protocol = RTPROT_STATIC,
               .rtm_scope = RT_SCOPE_UNIVERSE,
               .rtm_type = RTN_UNICAST,
               .rtm_flags = route.on_link ? unsigned{RTNH_F_ONLINK} : 0u};
    // Replaced where it is there: a router advertisement may have come first.
    NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body,
                           fmt::format("cannot make the default route by {} on interface '{}'", describe_bytes(route.gateway), route.name));
    request.put(RTA_GATEWAY, route.gateway).put_number(RTA_OIF, route.index);
    return request;
}

Result<std::vector<Route>> list_routes(Netlink& netlink)
{
    std::vector<Route> routes;
    for (uint8_t family : {AF_INET, AF_INET6}) {
        const size_t before = routes.size();
        NetlinkRequest request(RTM_GETROUTE, 0, rtmsg{.rtm_family = family}, "cannot list the routes");
        auto reader = [&](const NetlinkAnswer& answer) {
            if (!(answer.body<rtmsg>().rtm_flags & RTM_F_CLONED)) routes.push_back(read_route(answer));
        };
        TRY(netlink.list(request, reader, [&] { routes.resize(before); }));
    }
    return routes;
}

}  // namespace holm::kernel
