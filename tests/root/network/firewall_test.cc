// Rules run as one transaction; what is wrong with them is said by line.
#include "kernel/firewall.h"

#include <linux/netfilter.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "network/apply_host.h"
#include "wire.h"

namespace holm::network {
namespace {

class Firewall : public test::Wire {};

TEST_F(Firewall, BothTablesOrNone)
{
    EXPECT_FALSE(*has_ruleset());
    Result<> done = apply_ruleset("add table inet holm\nadd chain inet holm forward { type filter hook forward priority 0; }\n");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_TRUE(*kernel::has_table(NFPROTO_INET, "holm"));
    EXPECT_FALSE(*has_ruleset());
    ASSERT_TRUE(apply_ruleset("table bridge holm {\n set ports { type ifname; }\n}\n"));
    EXPECT_TRUE(*has_ruleset());
    ASSERT_TRUE(apply_ruleset("delete table inet holm\ndelete table bridge holm\n"));
    EXPECT_FALSE(*has_ruleset());
}

TEST_F(Firewall, WhatFailsLeavesNothing)
{
    Result<> refused = apply_ruleset("add table inet holm\nadd chain inet holm x\nadd rule inet holm x frobnicate\n");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(
        refused.error().text.starts_with("the firewall refuses line 3 of the rules, 'add rule inet holm x frobnicate': syntax error"))
        << refused.error().text;
    EXPECT_FALSE(*kernel::has_table(NFPROTO_INET, "holm"));

    // Well written, and refused by the kernel.
    refused = apply_ruleset("add table inet holm\nadd chain inet holm x\nadd rule inet holm x jump nowhere\n");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().text.starts_with("the firewall refuses line 3 of the rules, 'add rule inet holm x jump nowhere': "))
        << refused.error().text;
    EXPECT_FALSE(*kernel::has_table(NFPROTO_INET, "holm"));
}

TEST_F(Firewall, NoRulesAtAll)
{
    EXPECT_TRUE(apply_ruleset(""));
}

// By number: the names of protocols are those of /etc/protocols, which a small host has not.
std::string list()
{
    std::string text;
    std::array<char, 4096> buffer;
    FILE* pipe = ::popen("nft --numeric-protocol list ruleset 2>&1", "re");
    while (size_t size = ::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), size);
    EXPECT_EQ(::pclose(pipe), 0) << text;
    return text;
}

Cidr block(std::string_view text)
{
    return *parse_cidr(text);
}

// Every set of the tables has an entry of it, but those of a machine's rules.
std::pair<Segment, MachineEndpoints> example()
{
    Segment segment{.name = "lan", .interface = "holm-lan", .isolated = true};
    segment.subnets = {{block("10.0.0.0/24"), *parse_ip("10.0.0.1")}, {block("fd00:1::/64"), *parse_ip("fd00:1::1")}};
    segment.tunnel.interface = "vx-lan", segment.tunnel.id = 7;
    Endpoint endpoint{
        .network = "lan", .parent = "holm-lan", .host_interface = "hm0123456789ab", .interface = "eth0", .mac = {2, 0, 0, 0, 0, 5}};
    endpoint.addresses = {{*parse_ip("10.0.0.5"), 24}, {*parse_ip("fd00:1::5"), 64}};
    for (const char* port : {"8080:80", "192.0.2.1:90-99:70-79/udp", "7000-7010:7000-7010", "[2001:db8::1]:1-9:1-9", "[::]:53:53/udp",
                             "192.0.2.1:5000-5999:5000-5999/udp"})
        endpoint.published.push_back(*parse_published(port));
    Endpoint unaddressed{
        .network = "lan", .parent = "holm-lan", .host_interface = "hmba9876543210", .interface = "eth1", .mac = {2, 0, 0, 0, 0, 6}};
    return {segment, {"web", {endpoint, unaddressed}}};
}

void apply(const RulesetChange& change)
{
    const auto done = apply_ruleset(change);
    EXPECT_TRUE(done) << done.error().text;
}

TEST_F(Firewall, EntriesAreAsNftWouldHaveThem)
{
    if (std::system("command -v nft >/dev/null") != 0) GTEST_SKIP() << "nft(8) is not installed";
    auto [isolated, web] = example();
    Segment open = isolated;
    open.isolated = false;
    ASSERT_TRUE(apply_ruleset(describe_ruleset({}, {})));
    const std::string empty = list();
    for (const Segment& segment : {isolated, open}) {
        ASSERT_TRUE(apply_ruleset(plan_addition(segment).text + plan_addition(web).text));
        const std::string by_nft = list();
        ASSERT_NE(by_nft, empty);
        ASSERT_TRUE(apply_ruleset(describe_ruleset({}, {})));
        for (int twice = 0; twice < 2; ++twice) {
            apply(plan_addition(segment) += plan_addition(web));
            EXPECT_EQ(list(), by_nft);
        }
        for (int twice = 0; twice < 2; ++twice) {
            apply(plan_removal(web) += plan_removal(segment));
            EXPECT_EQ(list(), empty);
        }
    }
}

TEST_F(Firewall, OneEntryThatIsRefusedIsAllOfThem)
{
    auto [segment, web] = example();
    ASSERT_TRUE(apply_ruleset(describe_ruleset({}, std::span(&web, 1))));
    MachineEndpoints second{"db", {web.endpoints.front()}};
    second.endpoints.front().host_interface = "hm0";
    second.endpoints.front().addresses = {{*parse_ip("10.0.0.6"), 24}};
    RulesetChange change = plan_addition(second);
    const auto refused = apply_ruleset(change);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text, "the firewall refuses an entry of 'any_ports4': File exists");
    ASSERT_TRUE(apply_ruleset("delete element bridge holm ports { \"hm0123456789ab\" }\n"));
    EXPECT_FALSE(apply_ruleset("delete element bridge holm ports { \"hm0\" }\n")) << "it was added";
}

TEST_F(Firewall, EntriesOfTablesThatAreNotThereAreRefused)
{
    const auto refused = apply_ruleset(plan_addition(example().first));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sys_errno, ENOENT);
}

}  // namespace
}  // namespace holm::network
