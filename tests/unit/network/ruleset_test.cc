#include "network/ruleset.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "example.h"

namespace holm::network {
namespace {

MachineEndpoints machine(const machine::NetworkSpec& network, const Segment& segment = example::segment())
{
    machine::Spec spec = example::spec({network});
    auto plan = plan_network(spec, example::facts(spec, segment), example::uuid);
    EXPECT_TRUE(plan) << plan.error().text;
    return {"web", plan ? plan->endpoints : std::vector<Endpoint>{}};
}

template <typename Subject>
std::string describe_addition(const Subject& subject)
{
    return plan_addition(subject).text;
}

template <typename Subject>
std::string describe_removal(const Subject& subject)
{
    return plan_removal(subject).text;
}

TEST(Ruleset, OfASegment)
{
    EXPECT_EQ(describe_addition(example::segment("subnets = [\"10.0.0.0/24\"]")), R"(add element inet holm bridges { "holm-lan" }
add element inet holm within { "holm-lan" . "holm-lan" }
add element inet holm gateways4 { 10.0.0.1 }
add element inet holm own_gateways4 { "holm-lan" . 10.0.0.1 }
add element inet holm siblings4 { 10.0.0.0/24 . 10.0.0.0/24 }
add element inet holm masqueraded4 { 10.0.0.0/24 }
)");
    EXPECT_FALSE(describe_addition(example::segment("nat = false")).contains("masqueraded"));
    const std::string isolated = describe_addition(example::segment("isolated = true"));
    EXPECT_TRUE(isolated.contains("holm isolated {"));
    EXPECT_FALSE(isolated.contains("masqueraded"));
    Segment foreign = example::segment();
    foreign.ours = false;
    EXPECT_EQ(describe_addition(foreign), "");
}

TEST(Ruleset, PublishedPorts)
{
    const Segment segment = example::segment("subnets = [\"10.0.0.0/24\"]");
    const std::string text =
        describe_addition(machine({.network = "lan",
                                   .address = {"10.0.0.5"},
                                   .publish = {"8080:80", "192.0.2.1:90-91:70-71/udp", "7000-7010:7000-7010", "0.0.0.0:1:2"}},
                                  segment));
    for (const char* line : {"any_ports4 { 6 . 8080 : 10.0.0.5 . 80 }", "address_ports4 { 192.0.2.1 . 17 . 90 : 10.0.0.5 . 70 }",
                             "address_ports4 { 192.0.2.1 . 17 . 91 : 10.0.0.5 . 71 }", "any_ranges4 { 6 . 7000-7010 : 10.0.0.5 }",
                             "any_ports4 { 6 . 1 : 10.0.0.5 . 2 }"})
        EXPECT_TRUE(text.contains(fmt::format("add element inet holm {}\n", line))) << line << "\n" << text;
    EXPECT_FALSE(text.contains("ports6"));
}

TEST(Ruleset, RulesOfAMachine)
{
    const std::string text = describe_addition(
        machine({.network = "lan", .allow = {"in tcp 80-81 from 10.1.2.3/8"}, .deny = {"out any to fd00::1", "in icmp"}}));
    for (const char* rule : {"ct state established,related return", "tcp dport 80-81 ip saddr 10.0.0.0/8 return",
                             "ip6 daddr fd00::1 counter name denied drop", "meta l4proto { 1, 58 } counter name denied drop"})
        EXPECT_TRUE(text.contains(rule)) << rule << "\n" << text;
    EXPECT_FALSE(describe_addition(machine({.network = "lan"})).contains("chain"));
}

TEST(Ruleset, ARemovalAddsFirst)
{
    const std::string text = describe_removal(machine({.network = "lan", .deny = {"in any"}}));
    EXPECT_LT(text.find("add element bridge holm ports"), text.find("delete element bridge holm ports"));
    EXPECT_LT(text.find("delete element inet holm rules_in4"), text.find("delete chain inet holm in-"));
}

TEST(Ruleset, OfEntriesAloneUnlessAMachineHasRules)
{
    RulesetChange change = plan_addition(example::segment());
    EXPECT_TRUE(change.entries_alone);
    EXPECT_FALSE(change.entries.empty());
    const size_t lines = static_cast<size_t>(std::ranges::count(change.text, '\n'));
    EXPECT_EQ(change.entries.size(), lines);
    EXPECT_EQ(plan_removal(example::segment()).entries.size(), 2 * lines);
    change += plan_addition(machine({.network = "lan"}));
    EXPECT_TRUE(change.entries_alone);
    EXPECT_GT(change.entries.size(), lines);
    change += plan_addition(machine({.network = "lan", .deny = {"in any"}}));
    EXPECT_FALSE(change.entries_alone);
}

TEST(Ruleset, PartsAsTheKernelKeepsThem)
{
    using namespace std::string_literals;
    EXPECT_EQ(first_of({interface_part("hm0")}), "hm0\0\0\0\0\0\0\0\0\0\0\0\0\0"s);
    EXPECT_EQ(first_of({port_part(80, 81)}), "\0\x50"s);
    EXPECT_EQ(last_of({port_part(80, 81)}), "\0\x51"s);
    EXPECT_EQ(first_of({protocol_part(6), port_part(258, 258)}), "\6\0\0\0\1\2\0\0"s);
    EXPECT_EQ(first_of({block_part(*parse_cidr("10.1.0.0/16"))}), "\x0a\1\0\0"s);
    EXPECT_EQ(last_of({block_part(*parse_cidr("10.1.0.0/16"))}), "\x0a\1\xff\xff"s);
    EXPECT_EQ(first_of({mac_part({2, 0, 0, 0, 0, 9}), address_part(*parse_ip("1.2.3.4"))}), "\2\0\0\0\0\x09\0\0\1\2\3\4"s);
    EXPECT_EQ(first_of({number_part(*parse_ip("fd00::1"))}), "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"s);
}

TEST(Ruleset, OnlyEndpointsOfNetworksCount)
{
    EXPECT_EQ(describe_addition(machine({.network = "bridge:br0"})), "");
}

}  // namespace
}  // namespace holm::network
