// A VXLAN: what of it is planned, which peers it takes, what FRR is told.
#include <gtest/gtest.h>

#include "example.h"
#include "network/frr.h"
#include "network/peers.h"
#include "network/ruleset.h"

namespace holm::network {
namespace {

HostNetworks host(uint32_t mtu = 1500, const std::string& local = "192.0.2.1")
{
    return {.routes = {}, .interfaces = {}, .segments = {}, .underlay = Underlay{*parse_ip(local), "up0", mtu}};
}

Result<Segment> plan(const std::string& vxlan, const HostNetworks& on, const std::string& keys = "", uint64_t random = 1)
{
    return plan_segment(example::definition(fmt::format("type = \"vxlan\"\n{}\n[vxlan]\nid = 88\n{}", keys, vxlan)), nullptr, on, random);
}

const std::string peers = "peers = [\"192.0.2.1\", \"192.0.2.2\"]";

TEST(PlanTunnel, LeadsToTheOthers)
{
    const Segment segment = *plan(peers, host());
    EXPECT_EQ(segment.tunnel,
              (Tunnel{.interface = "vx-lan", .id = 88, .port = 4789, .local = *parse_ip("192.0.2.1"), .peers = {*parse_ip("192.0.2.2")}}));
    EXPECT_EQ(*parse_segment(describe_segment(segment), "segment.toml"), segment);
    EXPECT_EQ(example::segment().tunnel, Tunnel());
    EXPECT_FALSE(describe_segment(example::segment()).contains("tunnel"));
}

TEST(PlanTunnel, TheMtuIsWhatFits)
{
    EXPECT_EQ(plan(peers, host())->mtu, 1450U);
    EXPECT_EQ(plan(peers, host(9000))->mtu, 8950U);
    EXPECT_EQ(plan("local = \"2001:db8::1\"", host(1500, "2001:db8::1"))->mtu, 1430U);
    EXPECT_EQ(plan(peers, host(), "mtu = 1400")->mtu, 1400U);
    EXPECT_EQ(plan(peers, host(), "mtu = 1451").error().text,
              "lan.toml:2:1: network 'lan': an MTU of 1451 is more than the 1450 that interface 'up0' has room for in a tunnel");
    EXPECT_EQ(plan(peers, host(1320)).error().text,
              "network 'lan': the MTU of 1270 that interface 'up0' has room for in a tunnel is below 1280, the least of IPv6");
    EXPECT_EQ(plan(peers, host(1320), "subnets = [\"10.0.0.0/24\"]")->mtu, 1270U);
}

TEST(PlanTunnel, AllHostsDrawTheSame)
{
    const Segment one = *plan(peers, host(1500, "192.0.2.1"), "", 1), other = *plan(peers, host(1500, "192.0.2.2"), "", 2);
    EXPECT_EQ(one.subnets, other.subnets);
    EXPECT_EQ(one.subnets.size(), 2U);
    const LeaseRequest here{.machine = "web", .uuid = "a", .interface = "eth0"}, there{.machine = "web", .uuid = "b", .interface = "eth0"};
    EXPECT_EQ(*plan_lease(one, here, nullptr, {}), *plan_lease(other, there, nullptr, {}));
}

TEST(PlanTunnel, WhatItCannotBe)
{
    HostNetworks with_bridge = host();
    with_bridge.interfaces = {"br0"};
    EXPECT_EQ(plan(peers, with_bridge, "interface = \"br0\"").error().text,
              "lan.toml:2:1: network 'lan': the interface 'br0' is not holm's, and a VXLAN is a bridge of its own");
    EXPECT_EQ(plan(peers, {}).error().text, "lan.toml:5:1: network 'lan': no route of the host leads to its peers");
}

TEST(PlanTunnel, LongNamesAreCut)
{
    const std::string text = "type = \"vxlan\"\n[vxlan]\nid = 1\nlocal = \"192.0.2.1\"";
    const Segment segment = *plan_segment(example::definition(text, "a-network-of-many"), nullptr, host(), 1);
    EXPECT_EQ(segment.tunnel.interface.size(), 15U);
    EXPECT_TRUE(segment.tunnel.interface.starts_with("vx-a-netw")) << segment.tunnel.interface;
}

TEST(Peers, ALineEach)
{
    const Address local = *parse_ip("192.0.2.1");
    const auto read = parse_peers("# ours\n192.0.2.3\n\n 192.0.2.2 # beta\n192.0.2.1\n192.0.2.3\n", "/peers", local);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, (std::vector<Address>{*parse_ip("192.0.2.2"), *parse_ip("192.0.2.3")}));
    EXPECT_TRUE(parse_peers("", "/peers", local)->empty());
}

TEST(Peers, WhatIsNoneIsRefusedByItsLine)
{
    const Address local = *parse_ip("192.0.2.1");
    for (const char* bad : {"host-b", "192.0.2.2,192.0.2.3", "192.0.2.2/24", "127.0.0.1", "0.0.0.0", "239.1.1.1", "255.255.255.255",
                            "169.254.1.1", "::1", "2001:db8::2", "192.0.2.2\r\x01"}) {
        const auto read = parse_peers(fmt::format("192.0.2.2\n{}\n", bad), "/peers", local);
        ASSERT_FALSE(read) << bad;
        EXPECT_TRUE(read.error().text.starts_with("/peers:2: ")) << read.error().text;
    }
    std::string many;
    for (size_t i = 0; i <= most_peers; ++i) many += fmt::format("10.0.{}.{}\n", i / 250, 1 + i % 250);
    EXPECT_EQ(parse_peers(many, "/peers", local).error().text, "/peers:257: more than 256 peers");
}

TEST(Peers, AreKeptAsTheyAre)
{
    const Peers all{.addresses = {*parse_ip("192.0.2.2"), *parse_ip("192.0.2.3")}, .problem = "/peers:1: 'x' is no address"};
    EXPECT_EQ(*read_peers(describe_peers(all), "peers.toml"), all);
    EXPECT_EQ(*read_peers("", "peers.toml"), Peers());
    EXPECT_FALSE(read_peers("addresses = [\"x\"]", "peers.toml"));
}

TEST(Ruleset, OfATunnel)
{
    const std::string text = plan_addition(*plan(peers, host(), "subnets = [\"10.0.0.0/24\", \"fd00:1::/64\"]")).text;
    for (const char* line :
         {"add element bridge holm tunnels { \"vx-lan\" }", "tunnel_gateways4 { \"vx-lan\" . 10.0.0.1 }",
          "tunnel_gateways6 { \"vx-lan\" . fd00:1::1 }", "tunnel_targets { \"vx-lan\" . 0xfd000001000000000000000000000001 }"})
        EXPECT_TRUE(text.contains(line)) << line << "\n" << text;
    EXPECT_FALSE(plan_addition(example::segment()).text.contains("tunnel"));
}

TEST(Frr, IsToldTheNeighbours)
{
    EXPECT_EQ(describe_frr(*plan(peers, host())), "");
    EXPECT_EQ(describe_frr(*plan(peers + "\nevpn = true", host())),
              "! Network 'lan', VXLAN 88: with bgpd=yes in /etc/frr/daemons. One of these serves all networks of the host.\n"
              "router bgp 65000\n bgp router-id 192.0.2.1\n no bgp default ipv4-unicast\n neighbor holm peer-group\n"
              " neighbor holm remote-as 65000\n neighbor holm timers 1 3\n neighbor 192.0.2.2 peer-group holm\n"
              " address-family l2vpn evpn\n  neighbor holm activate\n  advertise-all-vni\n exit-address-family\n");
    const std::string alone = describe_frr(*plan("local = \"192.0.2.1\"\nevpn = true", host()));
    EXPECT_TRUE(alone.contains("! neighbor ADDRESS peer-group holm")) << alone;
}

}  // namespace
}  // namespace holm::network
