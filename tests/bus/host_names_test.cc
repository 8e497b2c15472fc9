// systemd-resolved, where it runs, is told whom to ask for the names of machines.
#include "daemon/host_names.h"

#include <sys/socket.h>

#include "harness.h"

namespace holm::test {
namespace {

class HostNamesTest : public BusTest {};

TEST_F(HostNamesTest, ResolvedHearsOfServersAndDomain)
{
    network::Segment segment{.name = "lan", .interface = "holm-lan", .domain = "lan.example"};
    segment.subnets = {{.block = *network::parse_cidr("10.9.0.0/24"), .gateway = *network::parse_ip("10.9.0.1")},
                       {.block = *network::parse_cidr("fd00::/64"), .gateway = *network::parse_ip("fd00::1")}};
    daemon::HostNames names(holmd->bus);
    names.tell(segment, 7);
    EXPECT_TRUE(run_until([&] { return heard("SetLinkDomains 7 ~lan.example"); }));
    EXPECT_TRUE(heard("SetLinkDNS 7 10.9.0.1 fd00::1"));
}

TEST_F(HostNamesTest, WithoutItNothingHappens)
{
    resolved = Resolved::IsAbsent;
    daemon::HostNames names(holmd->bus);
    names.tell({.name = "lan", .interface = "holm-lan", .domain = "lan.example"}, 7);
    run_a_while();
    EXPECT_FALSE(heard("SetLinkDomains 7 ~lan.example"));
}

}  // namespace
}  // namespace holm::test
