// holm's two tables as nft(8) takes them: in a network namespace of each test's own.
#include "network/ruleset.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "network/plan.h"

namespace holm::network {
namespace {

class Ruleset : public testing::Test {
protected:
    void SetUp() override
    {
        if (std::system("command -v nft >/dev/null") != 0) GTEST_SKIP() << "nft(8) is not installed";
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    }

    static std::string run(const std::string& command)
    {
        std::string text;
        std::array<char, 4096> buffer;
        FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
        while (size_t size = ::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), size);
        return ::pclose(pipe) == 0 ? text : "failed: " + text;
    }

    // One transaction; "" where it was taken.
    static std::string apply(const std::string& ruleset, const std::string& options = "")
    {
        char path[] = "/tmp/ruleset-XXXXXX";
        const int file = ::mkstemp(path);
        const bool written = ::write(file, ruleset.data(), ruleset.size()) == static_cast<ssize_t>(ruleset.size());
        ::close(file);
        const std::string said = run(fmt::format("nft {} -f {}", options, path));
        ::unlink(path);
        return written ? said : "cannot write the ruleset";
    }

    // By number: the names of protocols are those of /etc/protocols, which a small host has not.
    static std::string list() { return run("nft --numeric-protocol list ruleset"); }
};

Segment segment(std::string text, std::string_view name)
{
    const machine::Source source{"lan.toml", std::move(text)};
    auto definition = parse_definition(*machine::parse_name(name), std::span(&source, 1));
    return *plan_segment(*definition, nullptr, {}, 0x0102030405);
}

MachineEndpoints machine(const Segment& segment, const std::string& name, machine::NetworkSpec network)
{
    machine::Spec spec;
    spec.name = *machine::parse_name(name);
    spec.networks = {std::move(network)};
    Facts facts;
    facts.segments[0] = segment;
    facts.leases[0] =
        *plan_lease(segment, {.machine = name, .uuid = name, .interface = "eth0", .addresses = spec.networks[0].address}, nullptr, {});
    auto plan = plan_network(spec, facts, name);
    EXPECT_TRUE(plan) << plan.error().text;
    return {name, plan ? plan->endpoints : std::vector<Endpoint>{}};
}

const Segment lan = segment("subnets = [\"10.0.0.0/24\", \"fd00:1::/64\"]", "lan");
const Segment other = segment("subnets = [\"10.0.1.0/24\", \"fd00:2::/64\"]\nisolated = true", "a-very-long-name");

MachineEndpoints web()
{
    return machine(lan, "web",
                   {.network = "lan",
                    .allow = {"in tcp 80-81 from 10.1.2.3/8", "in udp 53", "in any from fd00::/16", "in icmp"},
                    .deny = {"out any to 169.254.169.254", "in any from 10.9.9.9", "out tcp"},
                    .publish = {"8080:80", "192.0.2.1:90-99:70-79/udp", "7000-7010:7000-7010", "[::]:53:53/udp", "[2001:db8::1]:1-9:1-9",
                                "192.0.2.1:5000-5999:5000-5999/udp", "0.0.0.0:81:81"}});
}

TEST_F(Ruleset, IsTakenWhole)
{
    Segment elsewhere = other;
    elsewhere.dns_port = 5353;
    const Segment segments[] = {lan, elsewhere};
    const MachineEndpoints machines[] = {web(), machine(other, "db", {.network = "other"})};
    const std::string text = describe_ruleset(segments, machines);
    ASSERT_EQ(apply(text, "--check"), "");
    ASSERT_EQ(apply(text), "");
    const std::string once = list();
    ASSERT_EQ(apply(text), "");
    EXPECT_EQ(list(), once);
    for (const char* has : {"10.0.0.0/24", "7000-7010", "holm-lan", "jump in-hm", "192.0.2.1 . 17 . 99", "10.0.1.1 . 5353"})
        EXPECT_TRUE(once.contains(has)) << has;
}

TEST_F(Ruleset, ComesAndGoesByElements)
{
    ASSERT_EQ(apply(describe_ruleset({}, {})), "");
    const std::string empty = list();
    for (int round = 0; round < 2; ++round) {
        for (const std::string& addition : {plan_addition(lan).text, plan_addition(other).text, plan_addition(web()).text})
            for (int twice = 0; twice < 2; ++twice) ASSERT_EQ(apply(addition), "") << addition;
        EXPECT_NE(list(), empty);
        for (const std::string& removal : {plan_removal(web()).text, plan_removal(other).text, plan_removal(lan).text})
            for (int twice = 0; twice < 2; ++twice) ASSERT_EQ(apply(removal), "") << removal;
        EXPECT_EQ(list(), empty);
    }
}

TEST_F(Ruleset, LeavesTablesOfOthersAlone)
{
    ASSERT_EQ(apply("table inet other { set a { type ipv4_addr; elements = { 10.0.0.1 }; }; }"), "");
    const std::string before = list();
    const Segment segments[] = {lan};
    ASSERT_EQ(apply(describe_ruleset(segments, {})), "");
    for (int twice = 0; twice < 2; ++twice) ASSERT_EQ(apply(describe_no_ruleset()), "");
    EXPECT_EQ(list(), before);
}

TEST_F(Ruleset, APortThatAnotherMachineHasIsRefused)
{
    const MachineEndpoints second = machine(lan, "db", {.network = "lan", .publish = {"8080:81"}});
    const MachineEndpoints machines[] = {web()};
    ASSERT_EQ(apply(describe_ruleset({}, machines)), "");
    const std::string before = list();
    EXPECT_TRUE(apply(plan_addition(second).text).contains("File exists"));
    EXPECT_EQ(list(), before);
}

}  // namespace
}  // namespace holm::network
