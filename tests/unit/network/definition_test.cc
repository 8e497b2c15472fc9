#include "network/definition.h"

#include <gtest/gtest.h>

namespace holm::network {
namespace {

Result<Definition> parse(std::string text, std::string_view name = "lan")
{
    const machine::Source source{"lan.toml", std::move(text)};
    return parse_definition(*machine::parse_name(name), std::span(&source, 1));
}

TEST(Definition, EveryKeyThereAndBack)
{
    auto definition = parse(R"(type = "bridge"
interface = "br-lan"
subnets = ["10.1.0.0/16", "auto"]
gateway = ["10.1.0.254"]
persistent = true
nat = false
dns = false
dhcp = false
domain = "lan.example"
isolated = true
mtu = 1400
)");
    ASSERT_TRUE(definition) << definition.error().text;
    EXPECT_EQ(definition->gateway, std::vector<std::string>{"10.1.0.254"});
    auto again = parse(describe_definition(*definition));
    ASSERT_TRUE(again) << again.error().text;
    again->origins = definition->origins;
    EXPECT_EQ(*again, *definition);
}

TEST(Definition, DropInsAreLaidOver)
{
    const machine::Source sources[] = {{"lan.toml", "mtu = 1400\nnat = false"}, {"lan.toml.d/1.toml", "mtu = 9000"}};
    auto definition = parse_definition(*machine::parse_name("lan"), sources);
    EXPECT_EQ(definition->mtu, 9000U);
    EXPECT_FALSE(definition->nat);
}

TEST(Definition, RefusalsHaveTheirPlace)
{
    EXPECT_EQ(parse("isolatd = true").error().text, "lan.toml:1:1: unknown key 'isolatd' (did you mean 'isolated'?)");
    EXPECT_EQ(parse("\nsubnets = [\"10.0.0.0/16\", \"10.0.3.0/24\"]").error().text,
              "lan.toml:2:27: 'subnets[1]': '10.0.3.0/24' overlaps '10.0.0.0/16'");
    EXPECT_EQ(parse("subnets = [\"10.0.0.1/16\"]").error().text,
              "lan.toml:1:12: 'subnets[0]': '10.0.0.1/16' is no subnet: it has bits behind its length; '10.0.0.0/16' is the block");
    EXPECT_EQ(parse("subnets = [\"10.0.0.0/16\"]\ngateway = [\"10.1.0.1\"]").error().text,
              "lan.toml:2:12: 'gateway[0]': '10.1.0.1' is in none of the subnets");
}

TEST(Definition, Refusals)
{
    for (const char* bad : {"subnets = [\"10.0.0.0/31\"]",
                            "subnets = [\"10.0.0.0/7\"]",
                            "subnets = [\"fd00::/65\"]",
                            "subnets = [\"127.0.0.0/8\"]",
                            "subnets = [\"224.0.0.0/8\"]",
                            "subnets = [\"169.254.0.0/16\"]",
                            "subnets = [\"fe80::/64\"]",
                            "subnets = [\"auto\", \"auto\"]",
                            "subnets = [\"10.0.0.0/24\"]\ngateway = [\"10.0.0.0\"]",
                            "subnets = [\"10.0.0.0/24\"]\ngateway = [\"10.0.0.255\"]",
                            "subnets = [\"10.0.0.0/24\"]\ngateway = [\"10.0.0.1\", \"10.0.0.2\"]",
                            "mtu = 67",
                            "mtu = 1279",
                            "mtu = 65536",
                            "interface = \"a/b\"",
                            "interface = \"..\"",
                            "interface = \"a b\"",
                            "interface = \"sixteen-letters-\"",
                            "interface = \"a*\"",
                            "interface = \"a\\\"b\"",
                            "domain = \"\"",
                            "domain = \"a..b\"",
                            "domain = \"-a\"",
                            "domain = \"a\\nb\"",
                            "domain = \"a b\"",
                            "[vxlan]\nid = 5",
                            "type = \"vxlan\"",
                            "type = \"vxlan\"\n[vxlan]\nid = 16777216",
                            "type = \"vxlan\"\n[vxlan]\nid = 5",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\npeers = [\"224.0.0.1\"]",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\npeers = [\"127.0.0.1\"]",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\nlocal = \"192.0.2.1\"\npeers = [\"2001:db8::1\"]",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\nlocal = \"192.0.2.1\"\npeers = [\"192.0.2.2\"]\npeers_file = \"/p\"",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\npeers_file = \"/p\"",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\nlocal = \"192.0.2.1\"\npeers_file = \"p\"",
                            "type = \"vxlan\"\n[vxlan]\nid = 5\nlocal = \"192.0.2.1\"\npeers_file = \"/p\"\nevpn = true",
                            "type = \"bond\"",
                            "nat = 1",
                            "gateway = \"10.0.0.1\""})
        EXPECT_FALSE(parse(bad)) << bad;
    EXPECT_TRUE(parse("subnets = [\"10.0.0.0/24\"]\nmtu = 68"));
    EXPECT_TRUE(parse("gateway = [\"10.213.0.9\"]"));  // of a block that is to be drawn
}

TEST(Definition, OfAWire)
{
    for (const char* type : {"macvlan", "ipvlan"}) {
        EXPECT_TRUE(parse(fmt::format("type = \"{}\"\ninterface = \"eth0\"", type)));
        EXPECT_EQ(parse(fmt::format("type = \"{}\"", type)).error().text,
                  "lan.toml:1:1: 'type': needs the interface of the host that it is on, as 'interface'");
        EXPECT_FALSE(parse(fmt::format("type = \"{}\"\ninterface = \"eth0\"\nisolated = true", type)));
    }
}

}  // namespace
}  // namespace holm::network
