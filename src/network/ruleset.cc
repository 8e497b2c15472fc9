#include "network/ruleset.h"

#include <algorithm>
#include <iterator>

#include "network/ruleset_elements.h"

namespace holm::network {

namespace {

// Where the kernel hands bridged frames to the chains of inet too (net.bridge.bridge-nf-call-iptables), their interfaces are the
// bridge on both sides: `within`. Everything that tells a machine from its sibling is in the table of bridges, which sees their frames
// with and without that. Frames of a VXLAN are known by their port and VNI; who sends them without being a peer would be a sibling of all.
constexpr std::string_view inet_table = R"(add table inet holm
delete table inet holm
table inet holm {
    counter martian { }
    counter isolated { }
    counter unpublished { }
    counter foreign_gateway { }
    counter denied { }
    counter stranger { }

    set bridges { type ifname; }
    set isolated { type ifname; }
    set within { type ifname . ifname; }
    set gateways4 { type ipv4_addr; }
    set gateways6 { type ipv6_addr; }
    set own_gateways4 { type ifname . ipv4_addr; }
    set own_gateways6 { type ifname . ipv6_addr; }
    set masqueraded4 { type ipv4_addr; flags interval; }
    set masqueraded6 { type ipv6_addr; flags interval; }
    set siblings4 { type ipv4_addr . ipv4_addr; flags interval; }
    set siblings6 { type ipv6_addr . ipv6_addr; flags interval; }

    set tunnels { typeof udp dport . @th,96,32; }
    set peers4 { typeof udp dport . @th,96,32 . ip saddr; }
    set peers6 { typeof udp dport . @th,96,32 . ip6 saddr; }

    map dns4 { type ifname . ipv4_addr : ipv4_addr . inet_service; }
    map dns6 { type ifname . ipv6_addr : ipv6_addr . inet_service; }

    map rules_in4 { type ipv4_addr : verdict; }
    map rules_in6 { type ipv6_addr : verdict; }
    map rules_out4 { type ipv4_addr : verdict; }
    map rules_out6 { type ipv6_addr : verdict; }

    map address_ports4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
    map address_ports6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
    map any_ports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
    map any_ports6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
    map address_ranges4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }
    map address_ranges6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval; }
    map any_ranges4 { type inet_proto . inet_service : ipv4_addr; flags interval; }
    map any_ranges6 { type inet_proto . inet_service : ipv6_addr; flags interval; }

    chain publish {
        ip daddr 127.0.0.0/8 return
        ip6 daddr ::1 return
        dnat ip to ip daddr . meta l4proto . th dport map @address_ports4
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @address_ports6
        dnat ip to ip daddr . meta l4proto . th dport map @address_ranges4
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @address_ranges6
        dnat ip to meta l4proto . th dport map @any_ports4
        dnat ip6 to meta l4proto . th dport map @any_ports6
        dnat ip to meta l4proto . th dport map @any_ranges4
        dnat ip6 to meta l4proto . th dport map @any_ranges6
    }
    chain own_gateway {
        meta l4proto { 6, 17 } th dport 53 accept
        ct status dnat accept
        iifname != @isolated meta l4proto { 1, 58 } accept
    }
    chain rules_out {
        ip saddr vmap @rules_out4
        ip6 saddr vmap @rules_out6
    }
    chain rules_in {
        ip daddr vmap @rules_in4
        ip6 daddr vmap @rules_in6
    }

    chain martians {
        type filter hook prerouting priority raw; policy accept;
        iifname != @bridges accept
        ip saddr 127.0.0.0/8 counter name martian drop
        ip daddr 127.0.0.0/8 counter name martian drop
        ip6 saddr ::1 counter name martian drop
        ip6 daddr ::1 counter name martian drop
    }
    chain strangers {
        type filter hook prerouting priority raw; policy accept;
        meta l4proto != 17 accept
        udp dport . @th,96,32 . ip saddr @peers4 accept
        udp dport . @th,96,32 . ip6 saddr @peers6 accept
        udp dport . @th,96,32 @tunnels counter name stranger drop
    }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        meta l4proto { 6, 17 } th dport 53 dnat ip to iifname . ip daddr map @dns4
        meta l4proto { 6, 17 } th dport 53 dnat ip6 to iifname . ip6 daddr map @dns6
        iifname @isolated accept
        fib daddr type local jump publish
    }
    chain output {
        type nat hook output priority -100; policy accept;
        fib daddr type local jump publish
    }
    chain input {
        type filter hook input priority filter; policy accept;
        iifname != @bridges accept
        ct state established,related accept
        udp dport { 67, 547 } accept
        icmpv6 type { 130-136, 143 } accept
        iifname . ip daddr @own_gateways4 jump own_gateway
        iifname . ip6 daddr @own_gateways6 jump own_gateway
        iifname @isolated counter name isolated drop
        iifname . ip daddr != @own_gateways4 ip daddr @gateways4 counter name foreign_gateway drop
        iifname . ip6 daddr != @own_gateways6 ip6 daddr @gateways6 counter name foreign_gateway drop
        jump rules_out
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        iifname != @bridges oifname != @bridges accept
        ct state established,related accept
        jump rules_out
        jump rules_in
        iifname . oifname @within accept
        iifname @isolated counter name isolated drop
        oifname @isolated counter name isolated drop
        oifname @bridges ct status dnat accept
        oifname @bridges counter name unpublished drop
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ct status dnat ip saddr . ip daddr @siblings4 masquerade
        ct status dnat ip6 saddr . ip6 daddr @siblings6 masquerade
        ip saddr @masqueraded4 oifname != @bridges masquerade
        ip6 saddr @masqueraded6 oifname != @bridges masquerade
    }
}
)";

// Each host of a VXLAN is the gateway of its own machines, with the same address, and answers their DHCP: none of that goes through the
// tunnel. Before anything else looks at the frame, and before addresses are translated. Frames of other kinds than these three are dropped:
// a tagged one would carry to a sibling what is not looked at here.
constexpr std::string_view bridge_table = R"(add table bridge holm
delete table bridge holm
table bridge holm {
    counter mac { }
    counter protocol { }
    counter arp_source { }
    counter ip_source { }
    counter ip6_source { }
    counter neighbour { }
    counter router { }
    counter dhcp_server { }
    counter tunnel_services { }
    counter denied { }

    set ports { type ifname; }
    set macs { type ifname . ether_addr; }
    set sources4 { type ifname . ipv4_addr; }
    set sources6 { type ifname . ipv6_addr; }
    set targets { typeof iifname . @th,64,128; }
    set unaddressed4 { type ifname; }
    set unaddressed6 { type ifname; }
    set tunnels { type ifname; }
    set tunnel_gateways4 { type ifname . ipv4_addr; }
    set tunnel_gateways6 { type ifname . ipv6_addr; }
    set tunnel_targets { typeof iifname . @th,64,128; }
    map rules_in { type ifname : verdict; }
    map rules_out { type ifname : verdict; }

    chain from_arp {
        iifname . arp saddr ether != @macs counter name mac drop
        arp saddr ip 0.0.0.0 accept
        iifname . arp saddr ip @sources4 accept
        iifname @unaddressed4 accept
        counter name arp_source drop
    }
    chain from_ip4 {
        udp sport 67 counter name dhcp_server drop
        iifname . ip saddr @sources4 accept
        ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept
        iifname @unaddressed4 accept
        counter name ip_source drop
    }
    chain from_ip6 {
        icmpv6 type { nd-router-advert, nd-redirect } counter name router drop
        udp sport 547 counter name dhcp_server drop
        iifname != @unaddressed6 icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @targets counter name neighbour drop
        ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, 131, 143 } accept
        iifname . ip6 saddr @sources6 accept
        iifname @unaddressed6 accept
        counter name ip6_source drop
    }
    chain from_machine {
        iifname . ether saddr != @macs counter name mac drop
        ether type vmap { arp : goto from_arp, ip : goto from_ip4, ip6 : goto from_ip6 }
        counter name protocol drop
    }

    chain own_services {
        udp dport { 67, 68, 546, 547 } counter name tunnel_services drop
        icmpv6 type { nd-router-solicit, nd-router-advert, nd-redirect } counter name tunnel_services drop
    }
    chain from_tunnel {
        iifname . arp saddr ip @tunnel_gateways4 counter name tunnel_services drop
        iifname . ip6 saddr @tunnel_gateways6 counter name tunnel_services drop
        icmpv6 type nd-neighbor-advert iifname . @th,64,128 @tunnel_targets counter name tunnel_services drop
        goto own_services
    }
    chain to_tunnel {
        oifname . arp daddr ip @tunnel_gateways4 counter name tunnel_services drop
        icmpv6 type nd-neighbor-solicit oifname . @th,64,128 @tunnel_targets counter name tunnel_services drop
        goto own_services
    }

    chain prerouting {
        type filter hook prerouting priority filter; policy accept;
        iifname @ports goto from_machine
        iifname @tunnels goto from_tunnel
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        oifname @tunnels jump to_tunnel
        iifname vmap @rules_out
        oifname vmap @rules_in
    }
}
)";

}  // namespace

std::string describe_ruleset(std::span<const Segment> segments, std::span<const MachineEndpoints> machines)
{
    std::string text = fmt::format("{}{}", inet_table, bridge_table);
    for (const Segment& segment : segments) text += plan_addition(segment).text;
    for (const MachineEndpoints& machine : machines) text += plan_addition(machine).text;
    return text;
}

RulesetChange& RulesetChange::operator+=(RulesetChange other)
{
    text += other.text;
    std::ranges::move(other.entries, std::back_inserter(entries));
    entries_alone &= other.entries_alone;
    return *this;
}

RulesetChange plan_addition(const Segment& segment)
{
    return plan_elements(segment, Change::Add);
}

RulesetChange plan_removal(const Segment& segment)
{
    return plan_elements(segment, Change::Remove);
}

RulesetChange plan_addition(const MachineEndpoints& machine)
{
    return plan_elements(machine, Change::Add);
}

RulesetChange plan_removal(const MachineEndpoints& machine)
{
    return plan_elements(machine, Change::Remove);
}

RulesetChange plan_unpublished(const Endpoint& endpoint)
{
    return plan_publications(endpoint, Change::Remove);
}

std::string describe_no_ruleset()
{
    return "add table inet holm\ndelete table inet holm\nadd table bridge holm\ndelete table bridge holm\n";
}

}  // namespace holm::network
