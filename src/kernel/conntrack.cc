#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/text.h"
#include "kernel/netlink.h"

namespace holm::kernel {

namespace {

struct Tracked {
    Flow flow;
    uint8_t family = AF_UNSPEC;
    std::string tuple;    // as the kernel has said it
    uint32_t number = 0;  // in the kernel's order of bytes: another connection of the same tuple has another
};

NetlinkRequest conntrack_request(uint16_t what, uint16_t flags, uint8_t family)
{
    return {static_cast<uint16_t>((NFNL_SUBSYS_CTNETLINK << 8) | what), flags, nfgenmsg{.nfgen_family = family, .version = NFNETLINK_V0},
            "cannot look at the connections that are tracked"};
}

IpBytes address_of(const NetlinkAttributes& tuple, uint16_t v4, uint16_t v6)
{
    const NetlinkAttributes addresses = tuple.nest(CTA_TUPLE_IP);
    const std::string_view bytes = addresses.find(v4).value_or(addresses.find(v6).value_or(""));
    return {bytes.begin(), bytes.end()};
}

Tracked read_tracked(const NetlinkAnswer& answer)
{
    const NetlinkAttributes all = answer.attributes<nfgenmsg>(), tuple = all.nest(CTA_TUPLE_ORIG), ports = tuple.nest(CTA_TUPLE_PROTO);
    Tracked tracked;
    tracked.family = answer.body<nfgenmsg>().nfgen_family;
    tracked.tuple = all.find(CTA_TUPLE_ORIG).value_or("");
    tracked.number = all.number<uint32_t>(CTA_ID);
    tracked.flow = {.protocol = ports.number<uint8_t>(CTA_PROTO_NUM),
                    .source = address_of(tuple, CTA_IP_V4_SRC, CTA_IP_V6_SRC),
                    .destination = address_of(tuple, CTA_IP_V4_DST, CTA_IP_V6_DST),
                    .source_port = ntohs(ports.number<uint16_t>(CTA_PROTO_SRC_PORT)),
                    .destination_port = ntohs(ports.number<uint16_t>(CTA_PROTO_DST_PORT)),
                    .answerer = address_of(all.nest(CTA_TUPLE_REPLY), CTA_IP_V4_SRC, CTA_IP_V6_SRC),
                    .translated = (ntohl(all.number<uint32_t>(CTA_STATUS)) & IPS_DST_NAT) != 0};
    return tracked;
}

}  // namespace

Result<> forget_flows(const std::function<bool(const Flow&)>& is_stale)
{
    Netlink& netlink = *TRY(netfilter_socket());
    std::vector<Tracked> stale;
    auto note = [&](const NetlinkAnswer& answer) {
        Tracked tracked = read_tracked(answer);
        if (is_stale(tracked.flow)) stale.push_back(std::move(tracked));
    };
    // The list is long and changes while it is read: what was read twice is forgotten once.
    auto listed = netlink.list(conntrack_request(IPCTNL_MSG_CT_GET, 0, AF_UNSPEC), note, [] {});
    if (!listed && listed.error().code != Errc::Busy && listed.error().sys_errno != 0) return {};
    for (const Tracked& one : stale) {
        NetlinkRequest request = conntrack_request(IPCTNL_MSG_CT_DELETE, 0, one.family);
        request.put(CTA_TUPLE_ORIG | NLA_F_NESTED, {reinterpret_cast<const uint8_t*>(one.tuple.data()), one.tuple.size()});
        request.put_number(CTA_ID, one.number);
        auto forgotten = netlink.change(request);
        if (!forgotten && forgotten.error().sys_errno != ENOENT) return forgotten;
    }
    return {};
}

}  // namespace holm::kernel
