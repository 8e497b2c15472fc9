#include "network/kept_entries.h"

#include <gtest/gtest.h>

namespace holm::network {
namespace {

machine::Spec spec(std::vector<machine::NetworkSpec> networks)
{
    machine::Spec made{.name = *machine::parse_name("web")};
    made.networks = std::move(networks);
    return made;
}

std::string names_of(const machine::Spec& spec)
{
    std::string text;
    for (size_t i = 0; i < spec.networks.size(); ++i)
        text += fmt::format("{}={}{} ", spec.networks[i].network, interface_of(spec, i), spec.networks[i].interface.empty() ? "" : "!");
    return text;
}

TEST(KeptEntries, InterfacesKeepTheirNames)
{
    machine::Spec machine = spec({{.network = "holm0"}, {.network = "lan"}, {.network = "wan", .interface = "up"}});
    remove_entry(machine, 0);
    EXPECT_EQ(names_of(machine), "lan=eth1! wan=up! ");
    add_entry(machine, "holm0", "eth0");
    EXPECT_EQ(names_of(machine), "lan=eth1! wan=up! holm0=eth0! ");
    add_entry(machine, "third", "eth3");
    EXPECT_EQ(names_of(machine), "lan=eth1! wan=up! holm0=eth0! third=eth3 ");
}

TEST(KeptEntries, TheLastLeavesNone)
{
    machine::Spec machine = spec({{.network = "holm0"}});
    remove_entry(machine, 0);
    EXPECT_EQ(names_of(machine), "none=eth0 ");
    EXPECT_FALSE(find_entry(machine, "none"));
    EXPECT_FALSE(find_entry(machine, "eth0"));
    add_entry(machine, "lan", "eth0");
    EXPECT_EQ(names_of(machine), "lan=eth0 ");
}

TEST(KeptEntries, AreFoundByNetworkAndInterface)
{
    machine::Spec machine = spec({{.network = "holm0"}, {.network = "bridge:br0", .interface = "up"}});
    EXPECT_EQ(find_entry(machine, "bridge:br0"), 1U);
    EXPECT_EQ(find_entry(machine, "up"), 1U);
    EXPECT_EQ(find_entry(machine, "eth0"), 0U);
    EXPECT_FALSE(find_entry(machine, "eth1"));
}

TEST(KeptEntries, PortsAreTheSameInOtherWords)
{
    machine::Spec machine = spec({{.network = "holm0", .publish = {"80:8080"}}, {.network = "lan", .publish = {"53:53/udp", "53:53"}}});
    const Publication wanted = *parse_published("53:53/tcp");
    EXPECT_EQ(find_publisher(machine, wanted), 1U);
    EXPECT_FALSE(find_publisher(machine, *parse_published("127.0.0.1:53:53")));
    remove_published(machine, 1, wanted);
    EXPECT_EQ(machine.networks[1].publish, std::vector<std::string>{"53:53/udp"});
    EXPECT_FALSE(find_publisher(machine, wanted));
}

}  // namespace
}  // namespace holm::network
