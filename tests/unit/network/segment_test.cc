#include "network/segment.h"

#include <gtest/gtest.h>

#include "example.h"

namespace holm::network {
namespace {

using example::definition;

std::string block_of_first(const Segment& segment)
{
    return describe(segment.subnets.at(0).block);
}

TEST(PlanSegment, DrawsWhatIsNotGiven)
{
    const Segment segment = *plan_segment(definition("interface = \"holm0\"", "holm0"), nullptr, {}, 0x0102030405);
    EXPECT_EQ(segment.interface, "holm0");
    EXPECT_TRUE(segment.ours);
    ASSERT_EQ(segment.subnets.size(), 2U);
    EXPECT_EQ(segment.subnets[0], (Subnet{*parse_cidr("10.213.0.0/16"), *parse_ip("10.213.0.1"), true}));
    EXPECT_EQ(segment.subnets[1], (Subnet{*parse_cidr("fd05:403:201::/64"), *parse_ip("fd05:403:201::1"), true}));
}

TEST(PlanSegment, MovesOnWhereTheHostHasARoute)
{
    HostNetworks host;
    for (int second = 213; second <= 223; ++second) {
        auto segment = plan_segment(definition("", "a"), nullptr, host, 1);
        ASSERT_TRUE(segment) << segment.error().text;
        EXPECT_EQ(block_of_first(*segment), fmt::format("10.{}.0.0/16", second));
        host.routes.emplace_back(*parse_cidr(fmt::format("10.{}.7.0/24", second)), "eth0");
    }
    auto none = plan_segment(definition("", "a"), nullptr, host, 1);
    EXPECT_EQ(none.error().code, Errc::Busy);
    EXPECT_EQ(none.error().text,
              "no block is free for network 'a' from 10.213.0.0/16 to 10.223.0.0/16: the first overlaps the route "
              "10.213.7.0/24 of the host's interface 'eth0'; give it subnets");
}

TEST(PlanSegment, WhatWasDrawnIsKept)
{
    HostNetworks host;
    host.routes.emplace_back(*parse_cidr("10.213.0.0/16"), "eth0");
    const Segment before = *plan_segment(definition(""), nullptr, host, 1);
    EXPECT_EQ(block_of_first(before), "10.214.0.0/16");
    EXPECT_EQ(*plan_segment(definition(""), &before, {}, 2), before);
    host.routes.emplace_back(*parse_cidr("10.214.0.0/16"), "eth1");
    EXPECT_EQ(*plan_segment(definition(""), &before, host, 3), before);  // machines have its addresses
    Segment other = before;
    other.name = "other", other.interface = "br9", other.subnets.resize(1);
    host.segments = {other};
    EXPECT_EQ(block_of_first(*plan_segment(definition(""), &before, host, 3)), "10.215.0.0/16");
    EXPECT_EQ(block_of_first(*plan_segment(definition("subnets = [\"10.9.0.0/16\"]"), &before, {}, 3)), "10.9.0.0/16");
}

TEST(PlanSegment, NetworksKeepApart)
{
    HostNetworks host;
    host.segments = {*plan_segment(definition("", "a"), nullptr, {}, 1)};
    const Segment second = *plan_segment(definition("", "b"), nullptr, host, 1);
    EXPECT_EQ(block_of_first(second), "10.214.0.0/16");
    EXPECT_FALSE(overlap(second.subnets[1].block, host.segments[0].subnets[1].block));
}

TEST(PlanSegment, WhatIsAskedForIsRefused)
{
    HostNetworks host;
    host.routes.emplace_back(*parse_cidr("10.0.0.0/8"), "tun0");
    EXPECT_EQ(plan_segment(definition("subnets = [\"10.9.0.0/16\"]"), nullptr, host, 1).error().text,
              "the subnet 10.9.0.0/16 of network 'lan' overlaps the route 10.0.0.0/8 of the host's interface 'tun0'");
    const Cidr pool = *parse_cidr("10.50.0.0/16");
    EXPECT_EQ(plan_segment(definition(""), nullptr, host, 1, &pool).error().text,
              "the pool 10.50.0.0/16 of network 'lan' overlaps the route 10.0.0.0/8 of the host's interface 'tun0'");
    EXPECT_EQ(block_of_first(*plan_segment(definition(""), nullptr, {}, 1, &pool)), "10.50.0.0/16");
    HostNetworks own;
    own.routes.emplace_back(*parse_cidr("10.9.0.0/16"), "holm-lan");  // it is up
    EXPECT_TRUE(plan_segment(definition("subnets = [\"10.9.0.0/16\"]"), nullptr, own, 1));
    HostNetworks other;
    other.segments = {example::segment("subnets = [\"10.9.1.0/24\"]", "a")};
    EXPECT_EQ(plan_segment(definition("subnets = [\"10.9.0.0/16\"]"), nullptr, other, 1).error().text,
              "the subnet 10.9.0.0/16 of network 'lan' overlaps network 'a' (10.9.1.0/24)");
    EXPECT_EQ(plan_segment(definition("interface = \"holm-a\""), nullptr, other, 1).error().code, Errc::Busy);
}

TEST(PlanSegment, Gateways)
{
    EXPECT_EQ(describe(example::segment("gateway = [\"10.213.9.9\"]").subnets[0].gateway), "10.213.9.9");
    EXPECT_EQ(plan_segment(definition("gateway = [\"10.99.0.1\"]"), nullptr, {}, 1).error().text,
              "lan.toml:1:12: the gateway 10.99.0.1 of network 'lan' is no host's address in its subnets");
}

TEST(PlanSegment, InterfaceNames)
{
    EXPECT_EQ(example::segment("", "lan").interface, "holm-lan");
    EXPECT_EQ(example::segment("", "tenletters").interface, "holm-tenletters");
    const std::string one = example::segment("", "elevenletters-a").interface, two = example::segment("", "elevenletters-b").interface;
    EXPECT_EQ(one.size(), 15U);
    EXPECT_NE(one, two);
    EXPECT_TRUE(one.starts_with("holm-elev")) << one;
}

TEST(PlanSegment, AnExistingBridgeIsLeftAsItIs)
{
    HostNetworks host;
    host.interfaces = {"lo", "br0"};
    const Segment segment = *plan_segment(definition("interface = \"br0\""), nullptr, host, 1);
    EXPECT_FALSE(segment.ours || segment.nat || segment.dns || segment.dhcp);
    EXPECT_TRUE(segment.subnets.empty());
    EXPECT_FALSE(plan_segment(definition("interface = \"br0\""), &segment, host, 1)->ours);
    Segment made = segment;
    made.ours = true;
    EXPECT_TRUE(plan_segment(definition("interface = \"br0\""), &made, host, 1)->ours);
}

TEST(SegmentFile, ThereAndBack)
{
    for (const char* text :
         {"", "nat = false\ndns = false\ndhcp = false\nisolated = true\npersistent = true\nmtu = 9000\ndomain = \"a.b\""}) {
        const Segment segment = example::segment(text);
        auto read = parse_segment(describe_segment(segment), "segment.toml");
        ASSERT_TRUE(read) << read.error().text;
        EXPECT_EQ(*read, segment);
    }
    EXPECT_FALSE(parse_segment("", "x"));
    EXPECT_FALSE(parse_segment("name = \"../a\"\ninterface = \"x\"", "x"));
}

}  // namespace
}  // namespace holm::network
