#include "kernel/network_events.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "kernel/netlink.h"

namespace holm::kernel {

namespace {

constexpr uint16_t table_gone = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELTABLE;

Result<Fd> open_events(int protocol, int group)
{
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    sockaddr_nl address{.nl_family = AF_NETLINK};
    if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ||
        ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group))
        return sys_error("cannot watch the host's network");
    return socket;
}

void note(const NetlinkAnswer& message, int protocol, NetworkLosses& losses)
{
    if (protocol == NETLINK_ROUTE && message.type == RTM_DELLINK)
        losses.links.push_back(message.attributes<ifinfomsg>().text(IFLA_IFALIAS));
    if (protocol == NETLINK_NETFILTER && message.type == table_gone)
        losses.tables.push_back(message.attributes<nfgenmsg>().text(NFTA_TABLE_NAME));
}

}  // namespace

Result<Fd> open_link_events()
{
    return open_events(NETLINK_ROUTE, RTNLGRP_LINK);
}

Result<Fd> open_table_events()
{
    return open_events(NETLINK_NETFILTER, NFNLGRP_NFTABLES);
}

Result<> read_losses(int socket, NetworkLosses& losses)
{
    alignas(nlmsghdr) std::array<char, 64 << 10> bytes;
    int protocol = 0;
    socklen_t length = sizeof protocol;
    if (::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &length))
        return sys_error("cannot read what changes of the host's network");
    for (;;) {
        const ssize_t size = ::recv(socket, bytes.data(), bytes.size(), 0);
        if (size < 0 && errno == ENOBUFS) losses.overflown = true;
        else if (size < 0 && errno == EAGAIN) return {};
        else if (size < 0 && errno != EINTR) return sys_error("cannot read what changes of the host's network");
        auto left = static_cast<int>(size);
        for (auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data()); size > 0 && NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left))
            note({header->nlmsg_type, {static_cast<const char*>(NLMSG_DATA(header)), header->nlmsg_len - NLMSG_HDRLEN}}, protocol, losses);
    }
}

}  // namespace holm::kernel
