#include "kernel/station.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr uint16_t make_or_change = NLM_F_CREATE | NLM_F_REPLACE;

HardwareAddress mac_of(const NetlinkAttributes& attributes)
{
    HardwareAddress mac{};
    const std::string_view bytes = attributes.find(NDA_LLADDR).value_or("");
    if (bytes.size() == mac.size()) std::ranges::copy(bytes, mac.begin());
    return mac;
}

IpBytes destination_of(const NetlinkAttributes& attributes)
{
    const std::string_view bytes = attributes.find(NDA_DST).value_or("");
    return {bytes.begin(), bytes.end()};
}

NetlinkRequest forward_request(uint16_t type, uint16_t flags, uint8_t whose, int index, const ForwardEntry& entry)
{
    const ndmsg body{.ndm_family = AF_BRIDGE,
                     .ndm_ifindex = index,
                     .ndm_state = NUD_REACHABLE,
                     .ndm_flags = static_cast<uint8_t>(whose | NTF_EXT_LEARNED),
                     .ndm_type = 0};
    NetlinkRequest request(type, flags, body, "cannot say where frames of a tunnel go");
    request.put(NDA_LLADDR, entry.mac);
    if (whose == NTF_SELF) request.put(NDA_DST, entry.destination);
    return request;
}

NetlinkRequest neighbour_request(uint16_t type, uint16_t flags, int index, const Neighbour& neighbour)
{
    const ndmsg body{.ndm_family = static_cast<uint8_t>(neighbour.address.size() == 4 ? AF_INET : AF_INET6),
                     .ndm_ifindex = index,
                     .ndm_state = NUD_REACHABLE,
                     .ndm_flags = NTF_EXT_LEARNED,
                     .ndm_type = 0};
    NetlinkRequest request(type, flags, body, "cannot say which station has an address");
    request.put(NDA_DST, neighbour.address).put(NDA_LLADDR, neighbour.mac);
    return request;
}

}  // namespace

Result<std::vector<ForwardEntry>> list_forwards(Netlink& netlink, int index)
{
    std::vector<ForwardEntry> entries;
    const NetlinkRequest request(RTM_GETNEIGH, 0, ndmsg{.ndm_family = AF_BRIDGE, .ndm_ifindex = index}, "cannot list where a tunnel leads");
    auto reader = [&](const NetlinkAnswer& answer) {
        const auto body = answer.body<ndmsg>();
        const auto attributes = answer.attributes<ndmsg>();
        constexpr uint8_t told = NTF_SELF | NTF_EXT_LEARNED;
        if (body.ndm_ifindex != index || (body.ndm_flags & told) != told || !attributes.find(NDA_DST)) return;
        entries.push_back({.mac = mac_of(attributes), .destination = destination_of(attributes)});
    };
    TRY(netlink.list(request, reader, [&] { entries.clear(); }));
    return entries;
}

std::vector<NetlinkRequest> add_forward_requests(int index, const ForwardEntry& entry)
{
    return {forward_request(RTM_NEWNEIGH, make_or_change, NTF_SELF, index, entry),
            forward_request(RTM_NEWNEIGH, make_or_change, NTF_MASTER, index, entry)};
}

std::vector<NetlinkRequest> remove_forward_requests(int index, const ForwardEntry& entry)
{
    return {forward_request(RTM_DELNEIGH, 0, NTF_MASTER, index, entry), forward_request(RTM_DELNEIGH, 0, NTF_SELF, index, entry)};
}

Result<std::vector<Neighbour>> list_neighbours(Netlink& netlink, int index)
{
    std::vector<Neighbour> neighbours;
    auto reader = [&](const NetlinkAnswer& answer) {
        const auto body = answer.body<ndmsg>();
        const auto attributes = answer.attributes<ndmsg>();
        if (body.ndm_ifindex != index || (body.ndm_flags & NTF_EXT_LEARNED) == 0) return;
        neighbours.push_back({.address = destination_of(attributes), .mac = mac_of(attributes)});
    };
    for (uint8_t family : {AF_INET, AF_INET6}) {
        const size_t before = neighbours.size();
        NetlinkRequest request(RTM_GETNEIGH, 0, ndmsg{.ndm_family = family}, "cannot list neighbours");
        request.put_number(NDA_IFINDEX, static_cast<uint32_t>(index));
        TRY(netlink.list(request, reader, [&] { neighbours.resize(before); }));
    }
    return neighbours;
}

NetlinkRequest add_neighbour_request(int index, const Neighbour& neighbour)
{
    return neighbour_request(RTM_NEWNEIGH, make_or_change, index, neighbour);
}

NetlinkRequest remove_neighbour_request(int index, const Neighbour& neighbour)
{
    return neighbour_request(RTM_DELNEIGH, 0, index, neighbour);
}

}  // namespace holm::kernel
