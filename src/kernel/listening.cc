#include "kernel/listening.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>

#include "kernel/netlink.h"

namespace holm::kernel {

namespace {

// The kernel's own filter, so that who has many others is not slow. A comparison is two operations, the second of which has the port; what
// goes on beyond the end of it is left out.
struct PortFilter {
    std::array<inet_diag_bc_op, 4> operations{};
};

PortFilter between(uint16_t first, uint16_t last)
{
    constexpr uint8_t step = 2 * sizeof(inet_diag_bc_op);
    constexpr uint16_t beyond = sizeof(PortFilter) + sizeof(inet_diag_bc_op);
    return {{{{.code = INET_DIAG_BC_S_GE, .yes = step, .no = beyond},
              {.code = INET_DIAG_BC_NOP, .yes = 0, .no = first},
              {.code = INET_DIAG_BC_S_LE, .yes = step, .no = beyond - step},
              {.code = INET_DIAG_BC_NOP, .yes = 0, .no = last}}}};
}

ListeningSocket read_socket(const NetlinkAnswer& answer)
{
    const auto body = answer.body<inet_diag_msg>();
    const auto* bytes = reinterpret_cast<const uint8_t*>(body.id.idiag_src);
    return {.address = IpBytes(bytes, bytes + (body.idiag_family == AF_INET ? 4 : 16)),
            .port = ntohs(body.id.idiag_sport),
            .v6_only = answer.attributes<inet_diag_msg>().number<uint8_t>(INET_DIAG_SKV6ONLY) != 0,
            .uid = body.idiag_uid};
}

// Of a kernel without sock_diag, or without its part for the protocol.
bool cannot_tell(const Error& error)
{
    return error.sys_errno == ENOENT || error.sys_errno == EPROTONOSUPPORT || error.sys_errno == EOPNOTSUPP;
}

}  // namespace

Result<std::vector<ListeningSocket>> list_listening(uint8_t protocol, uint16_t first, uint16_t last)
{
    std::vector<ListeningSocket> all;
    auto netlink = open_netlink(NETLINK_SOCK_DIAG);
    if (!netlink && cannot_tell(netlink.error())) return all;
    if (!netlink) return netlink.error();
    const PortFilter filter = between(first, last);
    const std::span filter_bytes(reinterpret_cast<const uint8_t*>(&filter), sizeof filter);
    for (const uint8_t family : {AF_INET, AF_INET6}) {
        const inet_diag_req_v2 wanted{.sdiag_family = family,
                                      .sdiag_protocol = protocol,
                                      .idiag_ext = 0,
                                      .pad = 0,
                                      .idiag_states = 1U << (protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE),
                                      .id = {}};
        NetlinkRequest request(SOCK_DIAG_BY_FAMILY, 0, wanted, "cannot list the sockets that listen");
        request.put(INET_DIAG_REQ_BYTECODE, filter_bytes);
        std::vector<ListeningSocket> found;
        auto listed =
            netlink->list(request, [&](const NetlinkAnswer& answer) { found.push_back(read_socket(answer)); }, [&] { found.clear(); });
        if (!listed && cannot_tell(listed.error())) continue;
        if (!listed) return listed.error();
        all.insert(all.end(), found.begin(), found.end());
    }
    return all;
}

}  // namespace holm::kernel
