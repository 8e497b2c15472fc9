#include "network/apply_tunnel.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "kernel/sysctl.h"
#include "kernel/vxlan.h"
#include "network/ip_bytes.h"

namespace holm::network {

namespace {

using kernel::IpBytes;
using kernel::Link;
using kernel::Netlink;
using kernel::PortMode;
using kernel::Vxlan;

kernel::Vxlan wanted_of(const Segment& segment, const Link& bridge)
{
    const Tunnel& tunnel = segment.tunnel;
    return {.name = tunnel.interface,
            .id = tunnel.id,
            .port = tunnel.port,
            .local = bytes_of(tunnel.local),
            .learns = !tunnel.evpn,
            .mtu = segment.mtu,
            .master = bridge.index};
}

// Where somebody says which neighbours are behind it: FRR, or the other hosts' announcements.
PortMode mode_of(const Segment& segment)
{
    return {.learns = !segment.tunnel.evpn, .answers_for_it = segment.tunnel.evpn || segment.dns};
}

Result<std::optional<Link>> find_own(Netlink& netlink, const Segment& segment)
{
    auto link = TRY(kernel::find_link(netlink, segment.tunnel.interface));
    if (link && (link->kind != "vxlan" || link->alias != mark_of(segment)))
        return error(Errc::Exists, "there is an interface '{}' already, which is not holm's", link->name);
    return link;
}

// What the kernel changes of none.
bool is_made_for(const Vxlan& there, const Vxlan& wanted)
{
    return there.id == wanted.id && there.port == wanted.port && there.local == wanted.local && there.learns == wanted.learns;
}

Result<> make_tunnel(Netlink& netlink, const Segment& segment, const Vxlan& wanted)
{
    // It is a port, no interface of the host's: the host has no address on it. Said before it is up, which gives it one at once.
    const auto link_local = kernel::has_sysctl("net/ipv6") ? kernel::LinkLocal::ByHand : kernel::LinkLocal::Keep;
    const kernel::NetlinkRequest steps[] = {
        kernel::vxlan_request(wanted),
        kernel::link_request({.name = wanted.name, .link_local = link_local, .alias = mark_of(segment)}),
        kernel::port_mode_request(wanted.name, mode_of(segment)),
        kernel::link_request({.name = wanted.name, .up = true}),
    };
    auto made = netlink.change(steps);
    if (!made && made.error().sys_errno == EEXIST)
        return error(Errc::Exists, "the host has another VXLAN {} on port {}: each id can be used once", wanted.id, wanted.port);
    return made;
}

Result<> correct(Netlink& netlink, const Segment& segment, const Link& link, const Vxlan& wanted)
{
    std::vector<kernel::NetlinkRequest> changes;
    kernel::LinkChange change{.name = link.name, .up = true};
    if (link.master != wanted.master) change.master = wanted.master;
    if (link.mtu != wanted.mtu) change.mtu = wanted.mtu;
    if (!link.up || change.master || change.mtu) changes.push_back(kernel::link_request(change));
    if (change.master || TRY(kernel::read_port_mode(netlink, link.name)) != mode_of(segment))
        changes.push_back(kernel::port_mode_request(link.name, mode_of(segment)));
    return netlink.change(changes);
}

Result<> lead(Netlink& netlink, int index, std::span<const Address> peers)
{
    std::vector<IpBytes> wanted;
    for (const Address& peer : peers) wanted.push_back(bytes_of(peer));
    const std::vector<IpBytes> there = TRY(kernel::list_floods(netlink, index));
    std::vector<kernel::NetlinkRequest> changes;
    for (const IpBytes& peer : wanted)
        if (std::ranges::find(there, peer) == there.end()) changes.push_back(kernel::add_flood_request(index, peer));
    for (const IpBytes& peer : there)
        if (std::ranges::find(wanted, peer) == wanted.end()) changes.push_back(kernel::remove_flood_request(index, peer));
    return netlink.change(changes);
}

}  // namespace

Result<> bring_up_tunnel(Netlink& netlink, const Segment& segment, const Link& bridge)
{
    if (segment.tunnel.id == 0) return {};
    const Vxlan wanted = wanted_of(segment, bridge);
    auto link = TRY(find_own(netlink, segment));
    if (link) {
        auto there = TRY(kernel::find_vxlan(netlink, wanted.name));
        if (!there || !is_made_for(*there, wanted)) {
            TRY(kernel::remove_link(netlink, *link));
            link.reset();
        }
    }
    if (link) TRY(correct(netlink, segment, *link, wanted));
    else TRY(make_tunnel(netlink, segment, wanted));
    if (segment.tunnel.evpn || !segment.tunnel.peers_file.empty()) return {};
    link = TRY(kernel::find_link(netlink, wanted.name));
    if (!link) return error(Errc::Failed, "interface '{}' is gone again", wanted.name);
    return lead(netlink, link->index, segment.tunnel.peers);
}

Result<> take_down_tunnel(Netlink& netlink, const Segment& segment)
{
    if (segment.tunnel.id == 0) return {};
    auto link = TRY(find_own(netlink, segment));
    return link ? kernel::remove_link(netlink, *link) : Result<>();
}

Result<> take_down_tunnel(const Segment& segment)
{
    Netlink netlink = TRY(kernel::open_netlink());
    return take_down_tunnel(netlink, segment);
}

Result<bool> has_tunnel(Netlink& netlink, const Segment& segment)
{
    return segment.tunnel.id == 0 || TRY(kernel::find_link(netlink, segment.tunnel.interface)).has_value();
}

Result<> lead_to(const Segment& segment, std::span<const Address> peers)
{
    if (segment.tunnel.id == 0 || segment.tunnel.evpn) return {};
    Netlink netlink = TRY(kernel::open_netlink());
    auto link = TRY(find_own(netlink, segment));
    if (!link) return error(Errc::NotFound, "network '{}' has no tunnel '{}'", segment.name, segment.tunnel.interface);
    return lead(netlink, link->index, peers);
}

}  // namespace holm::network
