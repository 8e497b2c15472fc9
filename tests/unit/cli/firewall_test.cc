#include "cli/firewall.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

const OwnTraffic own{.interfaces = {"holm0", "holm-lan"}, .blocks = {*network::parse_cidr("10.213.0.0/16")}};

// Of a base chain "inet other f" at the hook forward, and another that it may jump to.
std::vector<std::string> found(const std::string& expressions, const std::string& chain = "f")
{
    return find_dropping(
        R"({"nftables": [{"chain": {"family": "inet", "table": "other", "name": "f", "hook": "forward", "policy": "accept"}},
        {"chain": {"family": "inet", "table": "other", "name": "g"}},
        {"rule": {"family": "inet", "table": "other", "chain": ")" +
            chain + R"(", "expr": [)" + expressions + "]}}]}",
        own);
}

std::string match(const std::string& left, const std::string& right, const std::string& op = "==")
{
    return fmt::format(R"({{"match": {{"op": "{}", "left": {}, "right": {}}}}}, )", op, left, right);
}

const std::string iifname = R"({"meta": {"key": "iifname"}})", saddr = R"({"payload": {"protocol": "ip", "field": "saddr"}})";
using Chains = std::vector<std::string>;

TEST(Firewall, PoliciesAtTheForwardHook)
{
    EXPECT_EQ(find_dropping(R"({"nftables": [{"metainfo": {}}, {"chain": {"family": "ip", "table": "filter", "name": "FORWARD",
        "hook": "forward", "policy": "drop"}}, {"chain": {"family": "inet", "table": "holm", "name": "forward", "hook": "forward",
        "policy": "drop"}}, {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}},
        {"chain": 3}]})",
                            own),
              Chains{"ip filter FORWARD (policy drop)"});
    for (const char* text : {"", "[]", "{}", "{\"nftables\": 1}", "nonsense", R"({"nftables": [{"rule": {"expr": [3]}}]})"})
        EXPECT_TRUE(find_dropping(text, own).empty()) << text;
}

TEST(Firewall, RulesThatDropWhateverComes)
{
    EXPECT_EQ(found(R"({"counter": {"packets": 0}}, {"drop": null})"), Chains{"inet other f (drop)"});
    EXPECT_EQ(found(R"({"reject": {"type": "icmpx", "expr": "admin-prohibited"}})"), Chains{"inet other f (reject)"});
    EXPECT_EQ(found(R"({"drop": null})", "g"), Chains{}) << "who comes there is not known";
    EXPECT_EQ(found(R"({"accept": null})"), Chains{});
    EXPECT_EQ(found(match(R"({"ct": {"key": "state"}})", "\"invalid\"") + R"({"drop": null})"), Chains{});
    EXPECT_EQ(found(R"({"xt": null}, {"drop": null})"), Chains{}) << "a match that is not known";
}

TEST(Firewall, RulesThatNameUs)
{
    EXPECT_EQ(found(match(iifname, "\"holm0\"") + R"({"drop": null})", "g"), Chains{"inet other g (drop)"});
    EXPECT_EQ(found(match(iifname, "\"holm-*\"") + R"({"drop": null})"), Chains{"inet other f (drop)"});
    EXPECT_EQ(found(match(iifname, R"({"set": ["eth0", "holm-lan"]})") + R"({"drop": null})"), Chains{"inet other f (drop)"});
    EXPECT_EQ(found(match(iifname, "\"eth0\"") + R"({"drop": null})"), Chains{});
    EXPECT_EQ(found(match(iifname, "\"holm0\"", "!=") + R"({"drop": null})"), Chains{});
    EXPECT_EQ(found(match(saddr, R"({"prefix": {"addr": "10.0.0.0", "len": 8}})") + R"({"drop": null})"), Chains{"inet other f (drop)"});
    EXPECT_EQ(found(match(saddr, "\"10.213.0.7\"") + R"({"drop": null})"), Chains{"inet other f (drop)"});
    EXPECT_EQ(found(match(saddr, "\"192.0.2.7\"") + R"({"drop": null})"), Chains{});
}

TEST(Firewall, CountersAreOurs)
{
    EXPECT_EQ(
        find_drop_counters(R"({"nftables": [{"counter": {"family": "bridge", "table": "holm", "name": "mac", "packets": 3, "bytes": 9}},
        {"counter": {"family": "inet", "table": "holm", "name": "denied", "packets": 1}},
        {"counter": {"family": "bridge", "table": "holm", "name": "denied", "packets": 2}},
        {"counter": {"family": "inet", "table": "other", "name": "mac", "packets": 7}}]})"),
        (std::vector<DropCounter>{{"denied", 3}, {"mac", 3}}));
}

}  // namespace
}  // namespace holm::cli
