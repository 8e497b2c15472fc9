#include "network/name_service.h"

#include <gtest/gtest.h>

#include "example.h"

namespace holm::network {
namespace {

Endpoint endpoint()
{
    machine::Spec spec = example::spec({{.network = "lan", .address = {"10.0.0.5"}, .mac = "02:00:5e:10:00:05", .aliases = {"www"}}});
    return plan_network(spec, example::facts(spec), example::uuid)->endpoints.at(0);
}

TEST(NameService, LinesOfAMachine)
{
    const Segment segment = example::segment();
    EXPECT_EQ(describe_hosts(segment, "web", endpoint()),
              "10.0.0.5 web web.holm www www.holm\nfd00:1::5eff:fe10:5 web web.holm www www.holm\n");
    EXPECT_EQ(describe_dhcp(segment, "web", endpoint()), "02:00:5e:10:00:05,10.0.0.5,[fd00:1::5eff:fe10:5],web,infinite\n");
    EXPECT_EQ(describe_dhcp(segment, "web.example", endpoint()), "02:00:5e:10:00:05,10.0.0.5,[fd00:1::5eff:fe10:5],infinite\n");
    EXPECT_EQ(describe_hosts(example::segment("", "other"), "web", endpoint()), "");
    Segment joined = segment;
    joined.tunnel.id = 88;
    EXPECT_EQ(describe_hosts(joined, "web", endpoint()),
              describe_hosts(segment, "web", endpoint()) + "# 10.0.0.5 02:00:5e:10:00:05\n# fd00:1::5eff:fe10:5 02:00:5e:10:00:05\n")
        << "for the other hosts";
}

bool has_line(const std::string& text, const std::string& line)
{
    return ("\n" + text).contains("\n" + line + "\n");
}

TEST(NameService, AnOpenNetwork)
{
    const std::string text =
        describe_dnsmasq(example::segment("subnets = [\"10.0.0.0/24\", \"fd00:1::/64\"]\nmtu = 1400"), "/run/x", "hal");
    for (const char* line :
         {"interface=holm-lan", "bind-interfaces", "no-hosts", "hostsdir=/run/x/hosts", "dhcp-hostsdir=/run/x/dhcp", "leasefile-ro",
          "host-record=hal.holm,hal,10.0.0.1,fd00:1::1", "dhcp-range=10.0.0.0,static,255.255.255.0,infinite",
          "dhcp-range=fd00:1::,static,64,infinite", "dhcp-option=option:router,10.0.0.1", "dhcp-option=option:mtu,1400", "enable-ra"})
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
    EXPECT_FALSE(has_line(text, "no-resolv"));
}

TEST(NameService, AnIsolatedNetwork)
{
    const std::string text = describe_dnsmasq(example::segment("isolated = true"), "/run/x", "hal");
    EXPECT_TRUE(has_line(text, "no-resolv"));
    EXPECT_TRUE(has_line(text, "dhcp-option=option:router"));
    EXPECT_TRUE(has_line(text, "ra-param=holm-lan,600,0")) << text;
}

TEST(NameService, WithoutNamesOrDhcp)
{
    EXPECT_TRUE(has_line(describe_dnsmasq(example::segment("dns = false"), "/run/x", ""), "port=0"));
    Segment elsewhere = example::segment("");
    elsewhere.dns_port = 5353;
    EXPECT_TRUE(has_line(describe_dnsmasq(elsewhere, "/run/x", ""), "port=5353"));
    EXPECT_FALSE(describe_dnsmasq(example::segment("dhcp = false"), "/run/x", "").contains("dhcp"));
}

}  // namespace
}  // namespace holm::network
