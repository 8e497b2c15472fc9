#include "kernel/traffic.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr uint16_t make_anew = NLM_F_CREATE | NLM_F_REPLACE, make_new = NLM_F_CREATE | NLM_F_EXCL;
constexpr uint32_t root_handle = 1U << 16, ingress_handle = 0xffff0000, priority = 1;
constexpr uint64_t least_burst = 64 << 10;  // a whole packet of segmentation offload
constexpr uint64_t bursts_a_second = 100;   // of a rate: what may come at once
constexpr uint64_t queues_a_second = 10;    // what may wait

NetlinkRequest queue_request(const Link& link, std::string_view kind, uint32_t parent, uint32_t handle)
{
    NetlinkRequest request(RTM_NEWQDISC, make_anew,
                           tcmsg{.tcm_family = AF_UNSPEC, .tcm_ifindex = link.index, .tcm_handle = handle, .tcm_parent = parent},
                           fmt::format("cannot limit the traffic of interface '{}'", link.name));
    request.put_text(TCA_KIND, kind);
    return request;
}

// A token bucket (tc-tbf(8)).
NetlinkRequest bucket_request(const Link& link, uint64_t bits_per_second)
{
    const uint64_t rate = std::max<uint64_t>(bits_per_second / 8, 1);
    const auto burst = static_cast<uint32_t>(std::clamp<uint64_t>(rate / bursts_a_second, least_burst, UINT32_MAX / 2));
    const auto queue = static_cast<uint32_t>(std::clamp<uint64_t>(rate / queues_a_second, 2 * least_burst, UINT32_MAX / 2));
    tc_tbf_qopt options{};
    options.rate.linklayer = TC_LINKLAYER_ETHERNET;
    options.rate.rate = static_cast<uint32_t>(std::min<uint64_t>(rate, UINT32_MAX));
    options.limit = queue + burst;
    NetlinkRequest request = queue_request(link, "tbf", TC_H_ROOT, root_handle);
    const size_t nest = request.begin_nest(TCA_OPTIONS);
    request.put_number(TCA_TBF_PARMS, options).put_number(TCA_TBF_BURST, burst);
    if (rate > UINT32_MAX) request.put_number(TCA_TBF_RATE64, rate);
    request.end_nest(nest);
    return request;
}

// Every packet that comes leaves by the helper instead, and comes out of that again as if it were received here.
NetlinkRequest redirect_request(const Link& link, const Link& helper)
{
    NetlinkRequest request(RTM_NEWTFILTER, make_new,
                           tcmsg{.tcm_family = AF_UNSPEC,
                                 .tcm_ifindex = link.index,
                                 .tcm_parent = ingress_handle,
                                 .tcm_info = TC_H_MAKE(priority << 16, htons(ETH_P_ALL))},
                           fmt::format("cannot limit the traffic of interface '{}'", link.name));
    // With one key behind it in which no bit is looked at: all match.
    std::array<uint8_t, sizeof(tc_u32_sel) + sizeof(tc_u32_key)> all{};
    const tc_u32_sel head{.flags = TC_U32_TERMINAL, .nkeys = 1};
    memcpy(all.data(), &head, sizeof head);
    const tc_mirred redirect{.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = static_cast<uint32_t>(helper.index)};
    request.put_text(TCA_KIND, "u32");
    const size_t options = request.begin_nest(TCA_OPTIONS);
    request.put(TCA_U32_SEL, all);
    const size_t actions = request.begin_nest(TCA_U32_ACT), first = request.begin_nest(1);
    request.put_text(TCA_ACT_KIND, "mirred");
    const size_t action = request.begin_nest(TCA_ACT_OPTIONS);
    request.put_number(TCA_MIRRED_PARMS, redirect);
    request.end_nest(action);
    request.end_nest(first);
    request.end_nest(actions);
    request.end_nest(options);
    return request;
}

NetlinkRequest helper_request(const std::string& name)
{
    NetlinkRequest request(RTM_NEWLINK, make_new, ifinfomsg{.ifi_flags = IFF_UP, .ifi_change = IFF_UP},
                           fmt::format("cannot make interface '{}'", name));
    request.put_text(IFLA_IFNAME, name);
    const size_t info = request.begin_nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "ifb");
    request.end_nest(info);
    return request;
}

// Errors: none where there is none.
Result<> remove_queue(Netlink& netlink, const Link& link, uint32_t parent)
{
    NetlinkRequest request(RTM_DELQDISC, 0, tcmsg{.tcm_family = AF_UNSPEC, .tcm_ifindex = link.index, .tcm_parent = parent},
                           fmt::format("cannot free the traffic of interface '{}'", link.name));
    auto removed = netlink.change(request);
    const bool none = !removed && (removed.error().sys_errno == ENOENT || removed.error().sys_errno == EINVAL);
    return none ? Result<>() : removed;
}

}  // namespace

Result<> unlimit(Netlink& netlink, const Link& link)
{
    TRY(remove_queue(netlink, link, TC_H_ROOT));
    return remove_queue(netlink, link, TC_H_INGRESS);
}

Result<> limit_sending(Netlink& netlink, const Link& link, uint64_t bits_per_second)
{
    return netlink.change(bucket_request(link, bits_per_second));
}

Result<> limit_receiving(Netlink& netlink, const Link& link, uint64_t bits_per_second, const std::string& helper)
{
    TRY(netlink.change(helper_request(helper)));
    auto made = TRY(find_link(netlink, helper));
    if (!made) return error(Errc::Failed, "interface '{}' is gone again", helper);
    const NetlinkRequest requests[] = {bucket_request(*made, bits_per_second), queue_request(link, "ingress", TC_H_INGRESS, ingress_handle),
                                       redirect_request(link, *made)};
    return netlink.change(requests);
}

}  // namespace holm::kernel
