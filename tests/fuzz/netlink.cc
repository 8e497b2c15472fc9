#include "kernel/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstdlib>

#include "kernel/link.h"
#include "kernel/route.h"
#include "targets.h"

namespace holm::fuzz {

namespace {

constexpr uint32_t most_lists = 32;  // that one call may ask for

// A socket whose other side has answered already: with these bytes, and that it is done.
kernel::Netlink answered(std::string_view bytes, Fd& other)
{
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) std::abort();
    other = Fd(pair[1]);
    if (::send(pair[1], bytes.data(), bytes.size(), 0) < 0) std::abort();
    for (uint32_t sequence = 1; sequence <= most_lists; ++sequence) {
        struct {
            nlmsghdr header;
            int32_t status;
        } done{{.nlmsg_len = sizeof done, .nlmsg_type = NLMSG_DONE, .nlmsg_flags = 0, .nlmsg_seq = sequence, .nlmsg_pid = 0}, 0};
        if (::send(pair[1], &done, sizeof done, 0) < 0) std::abort();
    }
    ::shutdown(pair[1], SHUT_WR);
    return kernel::Netlink(Fd(pair[0]));
}

}  // namespace

void netlink(std::string_view bytes)
{
    if (bytes.empty() || bytes.size() > 32768) return;
    Fd other;
    {
        kernel::Netlink links = answered(bytes, other);
        static_cast<void>(kernel::list_links(links));
    }
    {
        kernel::Netlink routes = answered(bytes, other);
        static_cast<void>(kernel::list_routes(routes));
    }
    kernel::Netlink addresses = answered(bytes, other);
    static_cast<void>(kernel::list_addresses(addresses, 1));
}

}  // namespace holm::fuzz
