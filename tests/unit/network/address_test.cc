#include "network/address.h"

#include <gtest/gtest.h>

namespace holm::network {
namespace {

TEST(Address, ThereAndBack)
{
    for (const char* text : {"10.213.0.5", "0.0.0.0", "255.255.255.255", "::", "::1", "fd00:1::5", "fe80::1"})
        EXPECT_EQ(describe(*parse_ip(text)), text);
    EXPECT_EQ(describe(*parse_ip("FD00:0:0::5")), "fd00::5");
    for (const char* text : {"10.213.0.5/16", "fd00::/64", "::/0"}) EXPECT_EQ(describe(*parse_cidr(text)), text);
    EXPECT_EQ(describe(*parse_mac_bytes("02:AB:cd:00:01:ff")), "02:ab:cd:00:01:ff");
}

TEST(Address, Refusals)
{
    using namespace std::string_view_literals;
    for (std::string_view bad : {""sv, "1.2.3"sv, "1.2.3.4 "sv, "1.2.3.256"sv, "fe80::1%eth0"sv, "1.2.3.4\0"sv, "1.2.3.4\n"sv})
        EXPECT_FALSE(parse_ip(bad));
    for (std::string_view bad : {"1.2.3.4"sv, "1.2.3.4/"sv, "1.2.3.4/33"sv, "::/129"sv, "1.2.3.4/+1"sv, "/8"sv})
        EXPECT_FALSE(parse_cidr(bad)) << bad;
    for (std::string_view bad : {""sv, "02:00:00:00:00"sv, "02:00:00:00:00:0g"sv, "02-00-00-00-00-00"sv, "02:00:00:00:00:00\n"sv})
        EXPECT_FALSE(parse_mac_bytes(bad)) << bad;
}

TEST(Address, BlocksAndTheirAddresses)
{
    const Cidr cidr = *parse_cidr("10.213.77.5/18");
    EXPECT_EQ(describe(block_of(cidr)), "10.213.64.0/18");
    EXPECT_EQ(describe(last_of(cidr)), "10.213.127.255");
    EXPECT_EQ(describe(last_of(*parse_cidr("fd00::/126"))), "fd00::3");
    EXPECT_EQ(describe(*address_at(cidr, 0)), "10.213.64.0");
    EXPECT_EQ(describe(*address_at(cidr, 16383)), "10.213.127.255");
    EXPECT_FALSE(address_at(cidr, 16384));
    EXPECT_EQ(describe(*address_at(*parse_cidr("fd00::/64"), UINT64_MAX)), "fd00::ffff:ffff:ffff:ffff");
    EXPECT_FALSE(address_at(*parse_cidr("10.0.0.1/32"), 1));
    EXPECT_EQ(describe(*address_at(*parse_cidr("0.0.0.0/0"), 1)), "0.0.0.1");
}

TEST(Address, ContainsAndOverlaps)
{
    const Cidr lan = *parse_cidr("10.0.0.0/8");
    EXPECT_TRUE(contains(lan, *parse_ip("10.255.0.1")));
    EXPECT_FALSE(contains(lan, *parse_ip("11.0.0.1")));
    EXPECT_FALSE(contains(lan, *parse_ip("a00::1")));
    EXPECT_TRUE(overlap(lan, *parse_cidr("10.1.0.0/16")));
    EXPECT_TRUE(overlap(*parse_cidr("10.1.0.0/16"), lan));
    EXPECT_FALSE(overlap(*parse_cidr("10.1.0.0/16"), *parse_cidr("10.2.0.0/16")));
    EXPECT_TRUE(contains(*parse_cidr("::/0"), *parse_ip("fd00::1")));
}

TEST(Address, LinkLocalOfAMac)
{
    EXPECT_EQ(describe(link_local_of(*parse_mac_bytes("02:00:5e:10:00:05"))), "fe80::5eff:fe10:5");
}

}  // namespace
}  // namespace holm::network
