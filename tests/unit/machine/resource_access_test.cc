#include "machine/resource_access.h"

#include <netinet/in.h>

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

TEST(ResourceAccess, PrefixesAsSystemdWritesThem)
{
    EXPECT_EQ(*parse_prefix("10.0.0.0/8"), UnitProperty::Prefix(AF_INET, {10, 0, 0, 0}, 8u));
    EXPECT_EQ(describe_prefix(*parse_prefix("::1")), "::1/128");
    EXPECT_EQ(describe_prefix(*parse_prefix("192.0.2.1")), "192.0.2.1/32");
    EXPECT_EQ(parse_prefixes("any localhost")->size(), 4u);
    EXPECT_EQ(describe_prefix(parse_prefixes("link-local  10.1.2.3")->back()), "10.1.2.3/32");
    for (const char* bad : {"", "10.0.0.0/33", "10.0.0", "::/129", "host", "10.0.0.0/", "all"}) EXPECT_FALSE(parse_prefix(bad)) << bad;
}

TEST(ResourceAccess, PortsOfBind)
{
    for (const char* text : {"any", "80", "tcp", "udp:53", "ipv4", "ipv6:tcp", "ipv6:tcp:1000-1010", "1-65535"}) {
        auto port = parse_bind_port(text);
        ASSERT_TRUE(port) << text;
        EXPECT_EQ(describe_bind_port(*port), text);
    }
    EXPECT_EQ(*parse_bind_port("ipv6:tcp:1000-1010"), UnitProperty::Port(AF_INET6, IPPROTO_TCP, uint16_t{11}, uint16_t{1000}));
    for (const char* bad : {"", "0", "65536", "9-8", "sctp:1", "tcp:ipv4:1", "tcp:", "1:2"}) EXPECT_FALSE(parse_bind_port(bad)) << bad;
}

TEST(ResourceAccess, InterfacesDevicesAndPrograms)
{
    EXPECT_EQ(*parse_interfaces("eth0 eth1"), UnitProperty::Interfaces(true, {"eth0", "eth1"}));
    EXPECT_EQ(describe_interfaces(*parse_interfaces("~eth0")), "~eth0");
    EXPECT_EQ(*parse_interfaces(describe_interfaces({})), UnitProperty::Interfaces());
    EXPECT_FALSE(parse_interfaces("a/b"));
    EXPECT_EQ(*parse_device_access("/dev/fuse rw"), (UnitProperty::Pairs{{"/dev/fuse", "rw"}}));
    EXPECT_EQ(*parse_device_access("block-loop"), (UnitProperty::Pairs{{"block-loop", "rwm"}}));
    for (const char* bad : {"", "fuse", "/etc/x r", "/dev/fuse x", "/dev/fuse r w"}) EXPECT_FALSE(parse_device_access(bad)) << bad;
    EXPECT_EQ(*parse_program("egress:/sys/fs/bpf/x"), (UnitProperty::Pairs{{"egress", "/sys/fs/bpf/x"}}));
    for (const char* bad : {"", "egress", "exit:/x", "egress:x"}) EXPECT_FALSE(parse_program(bad)) << bad;
}

}  // namespace
}  // namespace holm::machine
