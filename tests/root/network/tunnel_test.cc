// The tunnel of a VXLAN: a port of its bridge, made anew where it must be and else left alone; where it leads.
#include <algorithm>

#include "kernel/station.h"
#include "kernel/vxlan.h"
#include "network/apply_host.h"
#include "network/apply_stations.h"
#include "network/apply_tunnel.h"
#include "network/observe.h"
#include "wire.h"

namespace holm::network {
namespace {

using Texts = std::vector<std::string>;

Address at(const std::string& text)
{
    return *parse_ip(text);
}

class TunnelTest : public test::Wire {
protected:
    void SetUp() override
    {
        Wire::SetUp();
        ip("link add up0 type veth peer name other"), ip("address add 192.0.2.1/24 dev up0"), ip("link set up0 up"),
            ip("link set other up");
        lan.mtu = 1450;
        lan.tunnel = {.interface = "vx-lan", .id = 88, .port = 4789, .local = at("192.0.2.1"), .peers = {at("192.0.2.2"), at("192.0.2.3")}};
    }
    static void up(const Segment& segment)
    {
        Result<> done = bring_up(segment);
        ASSERT_TRUE(done) << done.error().text;
    }
    static Texts floods()
    {
        kernel::Netlink netlink = *kernel::open_netlink();
        Texts texts;
        const std::vector<kernel::IpBytes> listed = *kernel::list_floods(netlink, link("vx-lan")->index);
        for (const kernel::IpBytes& bytes : listed) texts.push_back(fmt::format("{}", fmt::join(bytes, ".")));
        std::ranges::sort(texts);
        return texts;
    }
    static kernel::PortMode mode()
    {
        kernel::Netlink netlink = *kernel::open_netlink();
        return *kernel::read_port_mode(netlink, "vx-lan");
    }
    Segment lan = test::make_segment("lan", {"10.9.0.1/24"});
};

TEST_F(TunnelTest, UpTwiceAndDown)
{
    up(lan);
    const kernel::Link first = *link("vx-lan");
    EXPECT_EQ(first.kind, "vxlan");
    EXPECT_EQ(first.alias, "holm:lan");
    EXPECT_EQ(first.master, link("holm-lan")->index);
    EXPECT_EQ(first.mtu, 1450U);
    EXPECT_TRUE(first.up);
    EXPECT_EQ(link("holm-lan")->mtu, 1450U);
    EXPECT_TRUE(addresses("vx-lan").empty());
    EXPECT_EQ(floods(), (Texts{"192.0.2.2", "192.0.2.3"}));
    EXPECT_EQ(mode(), (kernel::PortMode{.learns = true, .answers_for_it = true})) << "for the machines that are announced";
    up(lan);
    EXPECT_EQ(link("vx-lan")->index, first.index);
    EXPECT_EQ(floods(), (Texts{"192.0.2.2", "192.0.2.3"}));
    EXPECT_TRUE(*has_bridge(lan));
    ip("link del vx-lan");
    EXPECT_FALSE(*has_bridge(lan)) << "the watch is to notice";
    up(lan);
    EXPECT_TRUE(*has_bridge(lan));
    EXPECT_TRUE(take_down(lan));
    EXPECT_FALSE(link("vx-lan"));
    EXPECT_FALSE(link("holm-lan"));
    EXPECT_TRUE(take_down(lan));
}

TEST_F(TunnelTest, WhatOthersChangedIsRepaired)
{
    up(lan);
    ip("link set vx-lan nomaster down"), ip("link set vx-lan mtu 1300");
    up(lan);
    const kernel::Link after = *link("vx-lan");
    EXPECT_TRUE(after.up);
    EXPECT_EQ(after.mtu, 1450U);
    EXPECT_EQ(after.master, link("holm-lan")->index);
}

TEST_F(TunnelTest, PeersComeAndGo)
{
    lan.tunnel.peers.clear(), lan.tunnel.peers_file = "/etc/peers";
    up(lan);
    EXPECT_TRUE(floods().empty());
    const Address second = at("192.0.2.2"), third = at("192.0.2.3"), fourth = at("192.0.2.4");
    ASSERT_TRUE(lead_to(lan, std::vector{second, third}));
    EXPECT_EQ(floods(), (Texts{"192.0.2.2", "192.0.2.3"}));
    up(lan);
    EXPECT_EQ(floods(), (Texts{"192.0.2.2", "192.0.2.3"})) << "they are the file's, not the definition's";
    ASSERT_TRUE(lead_to(lan, std::vector{third, fourth}));
    EXPECT_EQ(floods(), (Texts{"192.0.2.3", "192.0.2.4"}));
}

TEST_F(TunnelTest, WhereNobodyAnnouncesAllIsAsked)
{
    lan.dns = false;
    up(lan);
    EXPECT_EQ(mode(), (kernel::PortMode{.learns = true, .answers_for_it = false}));
}

TEST_F(TunnelTest, MachinesOfOtherHosts)
{
    lan = test::make_segment("lan", {"10.9.0.1/24", "fd00:9::1/64"});
    lan.tunnel = {.interface = "vx-lan", .id = 88, .port = 4789, .local = at("192.0.2.1"), .peers = {at("192.0.2.2")}};
    up(lan);
    kernel::Netlink netlink = *kernel::open_netlink();
    const int tunnel = link("vx-lan")->index, bridge = link("holm-lan")->index;
    auto forwards = [&] {
        Texts texts;
        const std::vector<kernel::ForwardEntry> listed = *kernel::list_forwards(netlink, tunnel);
        for (const kernel::ForwardEntry& entry : listed)
            texts.push_back(fmt::format("{} {}", describe(entry.mac), fmt::join(entry.destination, ".")));
        std::ranges::sort(texts);
        return texts;
    };
    auto neighbours = [&] { return kernel::list_neighbours(netlink, bridge)->size(); };
    const Mac five{2, 0, 0, 0, 0, 5}, six{2, 0, 0, 0, 0, 6};
    const std::vector<Station> stations{
        {at("192.0.2.2"), at("10.9.0.5"), five}, {at("192.0.2.2"), at("fd00:9::5"), five}, {at("192.0.2.3"), at("10.9.0.6"), six}};
    ip("link set vx-lan up");
    ASSERT_EQ(system("bridge fdb add 02:00:00:00:00:77 dev vx-lan dst 192.0.2.7 self static"), 0);
    for (int i = 0; i < 2; ++i) {
        Result<> led = lead_to_stations(lan, stations);
        ASSERT_TRUE(led) << led.error().text;
        EXPECT_EQ(forwards(), (Texts{"02:00:00:00:00:05 192.0.2.2", "02:00:00:00:00:06 192.0.2.3"}));
        EXPECT_EQ(neighbours(), 3U);
    }
    EXPECT_EQ(system("bridge fdb show dev vx-lan | grep '^02:00:00:00:00:05 ' | grep extern_learn | grep -q master"), 0)
        << "the bridge knows the port, too";
    // The first has moved to the other host, the second is gone, and another has taken the bridge's entry already.
    ASSERT_EQ(system("bridge fdb del 02:00:00:00:00:06 dev vx-lan master"), 0);
    ASSERT_TRUE(lead_to_stations(lan, std::vector{Station{at("192.0.2.3"), at("10.9.0.5"), five}}));
    EXPECT_EQ(forwards(), Texts{"02:00:00:00:00:05 192.0.2.3"});
    EXPECT_EQ(neighbours(), 1U);
    ASSERT_TRUE(lead_to_stations(lan, {}));
    EXPECT_TRUE(forwards().empty());
    EXPECT_EQ(neighbours(), 0U);
    EXPECT_EQ(floods(), Texts{"192.0.2.2"});
    EXPECT_EQ(system("bridge fdb show dev vx-lan | grep -q '^02:00:00:00:00:77'"), 0) << "that is somebody else's";
    lan.tunnel.evpn = true;
    EXPECT_TRUE(lead_to_stations(lan, stations));
    EXPECT_TRUE(forwards().empty()) << "FRR says it";
    ASSERT_TRUE(take_down(lan));
    lan.tunnel.evpn = false;
    EXPECT_TRUE(lead_to_stations(lan, stations)) << "it is gone, and they with it";
}

TEST_F(TunnelTest, WithEvpnTheKernelLearnsNothing)
{
    lan.tunnel.evpn = true;
    up(lan);
    EXPECT_TRUE(floods().empty()) << "the peers are FRR's neighbours";
    EXPECT_EQ(mode(), (kernel::PortMode{.learns = false, .answers_for_it = true}));
    kernel::Netlink netlink = *kernel::open_netlink();
    EXPECT_FALSE((*kernel::find_vxlan(netlink, "vx-lan"))->learns);
    const int before = link("vx-lan")->index;
    lan.tunnel.evpn = false;
    up(lan);
    EXPECT_NE(link("vx-lan")->index, before) << "what it learns cannot be changed";
    EXPECT_TRUE((*kernel::find_vxlan(netlink, "vx-lan"))->learns);
}

TEST_F(TunnelTest, WhatIsNotOursStays)
{
    ip("link add vx-lan type bridge");
    EXPECT_EQ(bring_up(lan).error().code, Errc::Exists);
    EXPECT_EQ(link("vx-lan")->kind, "bridge");
    EXPECT_FALSE(link("holm-lan")) << "what was made for it is gone";
    ip("link del vx-lan"), ip("link add theirs type vxlan id 88 dstport 4789 local 192.0.2.1");
    EXPECT_EQ(bring_up(lan).error().text, "network 'lan': the host has another VXLAN 88 on port 4789: each id can be used once");
    EXPECT_FALSE(link("vx-lan"));
}

TEST_F(TunnelTest, TheUnderlayIsThatOfTheRoute)
{
    auto parse = [](const std::string& vxlan) {
        const machine::Source source{"lan.toml", "type = \"vxlan\"\n[vxlan]\nid = 88\n" + vxlan};
        return *parse_definition(*machine::parse_name("lan"), std::span(&source, 1));
    };
    ip("link set up0 mtu 1400");
    const Underlay expected{.local = at("192.0.2.1"), .interface = "up0", .mtu = 1400};
    EXPECT_EQ(*observe_underlay(parse("local = \"192.0.2.1\"")), expected);
    EXPECT_EQ(*observe_underlay(parse("peers = [\"192.0.2.2\"]")), expected);
    EXPECT_EQ(*observe_underlay(parse("peers = [\"192.0.2.1\", \"192.0.2.2\"]")), expected);
    EXPECT_EQ(*observe_underlay(parse("peers = [\"198.51.100.1\"]")), std::nullopt);
    EXPECT_EQ(observe_underlay(parse("local = \"192.0.2.9\"")).error().text,
              "the local address 192.0.2.9 of network 'lan' is none of this host");
    ip("link set lo up"), ip("address add 203.0.113.1/32 dev lo"), ip("route add 198.51.100.0/24 dev up0 mtu lock 1350");
    EXPECT_EQ(*observe_underlay(parse("local = \"203.0.113.1\"\npeers = [\"198.51.100.1\"]")),
              (Underlay{.local = at("203.0.113.1"), .interface = "up0", .mtu = 1350}));
    ip("route add default via 192.0.2.2");
    EXPECT_EQ((*observe_underlay(parse("local = \"203.0.113.1\"\nevpn = true")))->interface, "up0");
}

}  // namespace
}  // namespace holm::network
