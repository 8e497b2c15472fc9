// A network on the host: up, up again, repaired, down; and what is not holm's stays as it is.
#include <algorithm>
#include <chrono>

#include "network/apply_host.h"
#include "network/observe.h"
#include "wire.h"

namespace holm::network {
namespace {

class Host : public test::Wire {
protected:
    static void up(const Segment& segment)
    {
        Result<> done = bring_up(segment);
        ASSERT_TRUE(done) << done.error().text;
    }
    const Segment lan = test::make_segment("lan", {"10.9.0.1/24", "fd00:9::1/64"});
};

using Texts = std::vector<std::string>;

TEST_F(Host, UpTwiceAndDown)
{
    EXPECT_FALSE(*is_up(lan));
    up(lan);
    kernel::Link first = *link("holm-lan");
    EXPECT_EQ(first.kind, "bridge");
    EXPECT_EQ(first.alias, "holm:lan");
    EXPECT_TRUE(first.up);
    EXPECT_EQ(first.mac[0], 2);
    EXPECT_EQ(addresses("holm-lan"), (Texts{"10.9.0.1/24", "fd00:9::1/64"}));
    EXPECT_EQ(sysctl("net/ipv4/ip_forward"), "1");
    EXPECT_EQ(sysctl("net/ipv6/conf/all/forwarding"), "1");
    EXPECT_EQ(sysctl("net/ipv6/conf/holm-lan/accept_ra"), "0");
    EXPECT_EQ(sysctl("net/ipv6/conf/holm-lan/accept_redirects"), "0");
    EXPECT_EQ(sysctl("net/ipv4/conf/holm-lan/accept_redirects"), "0");
    EXPECT_TRUE(*is_up(lan));
    up(lan);
    EXPECT_EQ(*link("holm-lan"), first);
    EXPECT_TRUE(take_down(lan));
    EXPECT_FALSE(link("holm-lan"));
    EXPECT_TRUE(take_down(lan));
    up(lan);
    EXPECT_EQ(link("holm-lan")->mac, first.mac);
}

TEST_F(Host, WhatOthersChangedIsRepaired)
{
    up(lan);
    ip("address del 10.9.0.1/24 dev holm-lan"), ip("link set holm-lan down"), ip("link set holm-lan address 02:11:22:33:44:55");
    EXPECT_FALSE(*is_up(lan));
    up(lan);
    EXPECT_TRUE(*is_up(lan));
}

TEST_F(Host, TheMacIsNotThatOfAPort)
{
    up(lan);
    auto mac = link("holm-lan")->mac;
    ip("link add port type veth peer name other"), ip("link set port address 00:00:00:00:00:01 master holm-lan");
    EXPECT_EQ(link("holm-lan")->mac, mac);
}

TEST_F(Host, AForeignInterfaceIsRefusedAndLeftAlone)
{
    for (const char* kind : {"bridge", "veth peer name other"}) {
        ip(fmt::format("link add holm-lan type {}", kind));
        kernel::Link before = *link("holm-lan");
        for (const Result<>& refused : {bring_up(lan), take_down(lan)}) {
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().code, Errc::Exists);
            EXPECT_EQ(refused.error().text, "network 'lan': there is an interface 'holm-lan' already, which is not holm's");
        }
        EXPECT_EQ(*link("holm-lan"), before);
        EXPECT_TRUE(addresses("holm-lan").empty());
        ip("link del holm-lan");
    }
    up(lan);
    Segment other = lan;
    other.name = "other";
    EXPECT_EQ(bring_up(other).error().code, Errc::Exists);
}

TEST_F(Host, ABridgeOfTheHostIsUsedAsItIs)
{
    Segment theirs{.name = "theirs", .interface = "br0", .ours = false};
    EXPECT_EQ(bring_up(theirs).error().text, "network 'theirs': there is no interface 'br0'");
    ip("link add br0 type bridge");
    kernel::Link before = *link("br0");
    EXPECT_TRUE(bring_up(theirs));
    EXPECT_TRUE(take_down(theirs));
    EXPECT_EQ(*link("br0"), before);
    theirs.interface = "lo";
    EXPECT_EQ(bring_up(theirs).error().text, "network 'theirs': interface 'lo' is no bridge");
}

TEST_F(Host, AFailureInTheMiddleLeavesNoBridge)
{
    Segment wrong = lan;
    wrong.subnets[1].gateway = *parse_ip("ff02::1");
    Result<> refused = bring_up(wrong);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().text.starts_with("network 'lan': cannot give interface 'holm-lan' the address ff02::1/64"))
        << refused.error().text;
    EXPECT_FALSE(link("holm-lan"));
}

TEST_F(Host, AnInterfaceThatLearnsRoutesGoesOnLearning)
{
    ip("link add uplink type veth peer name router");
    ASSERT_EQ(sysctl("net/ipv6/conf/uplink/accept_ra"), "1");
    up(lan);
    EXPECT_EQ(sysctl("net/ipv6/conf/uplink/accept_ra"), "2");
    EXPECT_EQ(sysctl("net/ipv6/conf/default/accept_ra"), "1");
}

TEST_F(Host, WithoutAWayOutNothingIsForwarded)
{
    Segment alone = lan;
    alone.isolated = true;
    ip("-6 address show");  // the host's own switch is inherited by IPv4 alone
    up(alone);
    EXPECT_EQ(sysctl("net/ipv6/conf/all/forwarding"), "0");
}

TEST_F(Host, WithIpv4AloneThereIsNoIpv6)
{
    up(test::make_segment("four", {"10.8.0.1/24"}));
    EXPECT_EQ(sysctl("net/ipv6/conf/holm-four/disable_ipv6"), "1");
    EXPECT_EQ(sysctl("net/ipv6/conf/all/forwarding"), "0");
}

TEST_F(Host, Mtu)
{
    Segment small = lan;
    small.mtu = 1400;
    up(small);
    EXPECT_EQ(link("holm-lan")->mtu, 1400U);
    small.mtu = 1450;
    up(small);
    EXPECT_EQ(link("holm-lan")->mtu, 1450U);
}

TEST_F(Host, RoutesAndInterfacesAreObserved)
{
    up(lan);
    ip("link add out type veth peer name in"), ip("link set out up"), ip("address add 192.0.2.1/24 dev out");
    ip("route add default via 192.0.2.2"), ip("route add 198.51.100.0/24 via 192.0.2.2 table 77"), ip("route add blackhole 203.0.113.0/24");
    HostNetworks host = *observe_host();
    auto has = [&](const char* block, const char* interface) {
        return std::ranges::find(host.routes, std::pair(*parse_cidr(block), std::string(interface))) != host.routes.end();
    };
    EXPECT_TRUE(has("10.9.0.0/24", "holm-lan"));
    EXPECT_TRUE(has("fd00:9::/64", "holm-lan"));
    EXPECT_TRUE(has("192.0.2.0/24", "out"));
    EXPECT_TRUE(has("198.51.100.0/24", "out"));
    EXPECT_TRUE(has("203.0.113.0/24", ""));
    EXPECT_FALSE(has("0.0.0.0/0", "out"));
    EXPECT_FALSE(has("192.0.2.1/32", "out"));
    EXPECT_TRUE(*has_interface("holm-lan"));
    EXPECT_FALSE(*has_interface("holm-none"));
}

TEST_F(Host, UpAlreadyCostsLittle)
{
    up(lan);
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) up(lan);
    auto each = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin) / 100;
    RecordProperty("microseconds", static_cast<int>(each.count()));
    EXPECT_LT(each.count(), 20'000);
}

}  // namespace
}  // namespace holm::network
