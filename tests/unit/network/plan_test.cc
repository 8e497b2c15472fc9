#include "network/plan.h"

#include <gtest/gtest.h>

#include "example.h"
#include "network/physical.h"

namespace holm::network {
namespace {

using example::facts;
using example::spec;

Result<Plan> plan(const machine::Spec& of, const Segment& segment = example::segment())
{
    return plan_network(of, facts(of, segment), example::uuid);
}

std::string refusal(std::vector<machine::NetworkSpec> networks, const Segment& segment = example::segment())
{
    auto planned = plan(spec(std::move(networks)), segment);
    return planned ? "" : planned.error().text;
}

TEST(PlanNetwork, NoneAndHost)
{
    EXPECT_EQ(*plan(spec({})), Plan{});
    EXPECT_EQ(plan(spec({{.network = "none"}}))->kind, Kind::None);
    EXPECT_EQ(plan(spec({{.network = "host"}}))->kind, Kind::Host);
    EXPECT_EQ(refusal({{.network = "lan"}, {.network = "host"}}), "network 'host' cannot be combined with another");
}

TEST(PlanNetwork, AnEndpointOfASegment)
{
    const Plan made =
        *plan(spec({{.network = "lan", .address = {"10.0.0.5"}, .mac = "02:00:5e:10:00:05", .aliases = {"www"}, .publish = {"8080:80"}}}));
    EXPECT_EQ(made.kind, Kind::Endpoints);
    ASSERT_EQ(made.endpoints.size(), 1U);
    const Endpoint& endpoint = made.endpoints[0];
    EXPECT_EQ(endpoint.network, "lan");
    EXPECT_EQ(endpoint.parent, "holm-lan");
    EXPECT_EQ(endpoint.interface, "eth0");
    EXPECT_TRUE(endpoint.host_interface.starts_with("hm"));
    EXPECT_EQ(endpoint.host_interface.size(), 14U);
    EXPECT_EQ(endpoint.addresses, (std::vector<Cidr>{*parse_cidr("10.0.0.5/24"), *parse_cidr("fd00:1::5eff:fe10:5/64")}));
    EXPECT_EQ(endpoint.gateways, (std::vector<Address>{*parse_ip("10.0.0.1"), *parse_ip("fd00:1::1")}));
    EXPECT_EQ(endpoint.published, std::vector<Publication>{(Publication{"tcp", "", 8080, 8080, 80, 80})});
    EXPECT_EQ(resolv_conf_of(made),
              "# Written by holm at the start of the machine: the resolvers of its networks.\n"
              "search holm\nnameserver 10.0.0.1\nnameserver fd00:1::1\n");
}

TEST(PlanNetwork, TheFirstHasTheDefaultRoute)
{
    const Plan made =
        *plan(spec({{.network = "lan"}, {.network = "lan", .interface = "back0"}, {.network = "bridge:br0", .address = {"192.0.2.5/24"}}}));
    ASSERT_EQ(made.endpoints.size(), 3U);
    EXPECT_EQ(made.endpoints[0].gateways.size(), 2U);
    EXPECT_TRUE(made.endpoints[1].gateways.empty());
    EXPECT_EQ(made.endpoints[1].interface, "back0");
    EXPECT_EQ(made.endpoints[2].interface, "eth2");
    EXPECT_EQ(made.endpoints[2].parent, "br0");
    EXPECT_EQ(describe(made.endpoints[2].addresses.at(0)), "192.0.2.5/24");
    EXPECT_EQ(made.endpoints[2].mac[0] & 0x0f, 0x02);
    EXPECT_EQ(networks_of(spec({{.network = "bridge:a"}, {.network = "lan"}, {.network = "veth"}})),
              (std::map<size_t, std::string>{{1, "lan"}}));
}

TEST(PlanNetwork, PairsAndMacvlans)
{
    const Plan made = *plan(spec({{.network = "veth", .address = {"10.9.0.2/30"}, .ingress = "20M", .egress = "8M"},
                                  {.network = "macvlan:eth0", .mac = "02:00:5e:10:00:05"}}));
    EXPECT_EQ(made.endpoints[0].type, EndpointType::Veth);
    EXPECT_EQ(made.endpoints[0].host_interface, "ve-web");
    EXPECT_EQ(made.endpoints[0].parent, "");
    EXPECT_EQ(made.endpoints[0].ingress, 20'000'000U);
    EXPECT_EQ(made.endpoints[0].egress, 8'000'000U);
    EXPECT_EQ(describe(made.endpoints[0].addresses.at(0)), "10.9.0.2/30");
    EXPECT_EQ(made.endpoints[1].type, EndpointType::Macvlan);
    EXPECT_EQ(made.endpoints[1].host_interface, "");
    EXPECT_EQ(made.endpoints[1].parent, "eth0");
    EXPECT_EQ(describe(made.endpoints[1].mac), "02:00:5e:10:00:05");
    const Endpoint ipvlan = plan(spec({{.network = "ipvlan:eth0", .address = {"10.9.0.6/24"}}}))->endpoints.at(0);
    EXPECT_EQ(ipvlan.type, EndpointType::Ipvlan);
    EXPECT_EQ(ipvlan.host_interface, "");
    EXPECT_EQ(ipvlan.parent, "eth0");
    const Plan two = *plan(spec({{.network = "veth"}, {.network = "veth"}}));
    EXPECT_TRUE(two.endpoints[0].host_interface.starts_with("hm"));
    EXPECT_NE(two.endpoints[0].host_interface, two.endpoints[1].host_interface);
}

TEST(PlanNetwork, OnTheWireOfAnInterface)
{
    for (auto [type, made] : {std::pair{"macvlan", EndpointType::Macvlan}, std::pair{"ipvlan", EndpointType::Ipvlan}}) {
        const Segment wire =
            example::segment(fmt::format("type = \"{}\"\ninterface = \"uplink\"\nsubnets = [\"198.51.100.0/24\"]\n"
                                         "gateway = [\"198.51.100.254\"]\n",
                                         type));
        EXPECT_FALSE(wire.ours);
        EXPECT_FALSE(wire.dns || wire.dhcp || wire.nat);
        const Endpoint endpoint = plan(spec({{.network = "lan"}}), wire)->endpoints.at(0);
        EXPECT_EQ(endpoint.type, made);
        EXPECT_EQ(endpoint.host_interface, "");
        EXPECT_EQ(endpoint.parent, "uplink");
        EXPECT_EQ(endpoint.addresses.size(), 1U);
        EXPECT_EQ(describe(endpoint.gateways.at(0)), "198.51.100.254");
        EXPECT_TRUE(endpoint.resolvers.empty());
        EXPECT_TRUE(refusal({{.network = "lan", .publish = {"80:80"}}}, wire).contains("is not holm's"));
        EXPECT_TRUE(refusal({{.network = "lan", .egress = "1M"}}, wire).contains("no end on the host"));
    }
}

TEST(PlanNetwork, AnIsolatedOneHasNoWayOut)
{
    const Segment isolated = example::segment("isolated = true");
    const Plan made = *plan(spec({{.network = "lan"}}), isolated);
    EXPECT_TRUE(made.endpoints[0].gateways.empty());
    EXPECT_EQ(made.endpoints[0].resolvers.size(), 2U);
    EXPECT_EQ(refusal({{.network = "lan", .publish = {"80:80"}}}, isolated),
              "nothing can be published on network 'lan', which is isolated");
}

TEST(PlanNetwork, Refusals)
{
    EXPECT_EQ(plan_network(spec({{.network = "lan"}}), {}, "").error().code, Errc::NotFound);
    EXPECT_EQ(refusal({{.network = "macvlan:eth0", .egress = "1M"}}),
              "not supported: 'network[0].egress' on network 'macvlan:eth0', which has no end on the host");
    EXPECT_EQ(refusal({{.network = "ipvlan:eth0", .mac = "02:00:5e:10:00:05"}}),
              "a machine on network 'ipvlan:eth0', an ipvlan, has the MAC of the host's interface, not one of its own");
    EXPECT_EQ(refusal({{.network = "lan", .interface = "eth1"}, {.network = "lan"}}),
              "network 'lan': the machine has another interface 'eth1'");
    EXPECT_EQ(refusal({{.network = "lan", .interface = "lo"}}), "an interface of network 'lan' cannot be called 'lo'");
    EXPECT_EQ(refusal({{.network = "bridge:br0", .address = {"192.0.2.5"}}}),
              "the address '192.0.2.5' of network 'bridge:br0' needs the length of its subnet behind a '/'");
    EXPECT_EQ(refusal({{.network = "bridge:br0", .publish = {"80:80"}}}), "not supported: 'network[0].publish' on network 'bridge:br0'");
    EXPECT_EQ(refusal({{.network = "bridge:br0", .deny = {"in any"}}}), "not supported: 'network[0].deny' on network 'bridge:br0'");
}

TEST(PlanNetwork, PublishedPortsThatCannotBe)
{
    auto publish = [](std::vector<std::string> ports, const Segment& segment = example::segment()) {
        return refusal({{.network = "lan", .publish = std::move(ports)}}, segment);
    };
    EXPECT_EQ(publish({"1-1024:2-1025", "2000-9000:2000-9000/udp"}), "");
    EXPECT_EQ(publish({"1-1025:2-1026"}),
              "the published range '1-1025:2-1026/tcp' has more than 1024 ports; a longer one must have the same ports outside and inside");
    EXPECT_EQ(publish({"[::]:80:80"}, example::segment("subnets = [\"10.0.0.0/24\"]")),
              "the port '[::]:80:80/tcp' cannot be published: the machine has no IPv6 address on network 'lan'");
    EXPECT_EQ(publish({"80:80", "192.0.2.1:70-90:70-90"}),
              "the published port '192.0.2.1:70-90:70-90/tcp' is taken by '80:80/tcp' of the same machine");
    EXPECT_EQ(publish({"80:80", "80:80/udp", "192.0.2.1:81:80", "192.0.2.2:81:80", "[::]:82:80", "0.0.0.0:82:80"}), "");
}

TEST(Publication, ThereAndBack)
{
    EXPECT_EQ(*parse_published("[fd00::1]:7000-7010:8000-8010/udp"), (Publication{"udp", "fd00::1", 7000, 7010, 8000, 8010}));
    EXPECT_EQ(*parse_published("192.0.2.1:2222:22"), (Publication{"tcp", "192.0.2.1", 2222, 2222, 22, 22}));
    for (const char* text : {"8080:80/tcp", "[::]:5353:53/udp", "192.0.2.1:7000-7010:7000-7010/tcp"})
        EXPECT_EQ(describe(*parse_published(text)), text);
    EXPECT_FALSE(parse_published("80"));
}

// ── links of the host ────────────────────────────────────────────────────────────────────────────────────────────────────────

const FoundLink eth1{.name = "eth1", .link = {.index = 3, .mac = {0, 0x16, 0x3e, 1, 2, 3}, .mtu = 9000}};

Result<Plan> plan_moved(std::vector<machine::NetworkSpec> networks, const FoundLink& found = eth1)
{
    const machine::Spec of = spec(std::move(networks));
    Facts known = facts(of);
    for (const auto& [index, name] : links_of(of)) known.links[index] = found;
    return plan_network(of, known, example::uuid);
}

TEST(PlanNetwork, ALinkOfTheHost)
{
    const Plan made = *plan_moved({{.network = "lan"}, {.network = "physical:eth1", .address = {"192.0.2.5/24"}}});
    const Endpoint& endpoint = made.endpoints.at(1);
    EXPECT_EQ(endpoint.type, EndpointType::Physical);
    EXPECT_EQ(endpoint.parent, "eth1");
    EXPECT_EQ(endpoint.interface, "eth1") << "it keeps its name";
    EXPECT_EQ(endpoint.host_interface, "");
    EXPECT_EQ(endpoint.mac, eth1.link.mac);
    EXPECT_EQ(endpoint.link, eth1.link);
    EXPECT_EQ(describe(endpoint.addresses.at(0)), "192.0.2.5/24");
    const Plan asked = *plan_moved({{.network = "physical:eth1", .interface = "lan0", .mac = "02:00:5e:10:00:05", .mtu = 1400}});
    EXPECT_EQ(asked.endpoints.at(0).interface, "lan0");
    EXPECT_EQ(describe(asked.endpoints.at(0).mac), "02:00:5e:10:00:05");
    EXPECT_EQ(asked.endpoints.at(0).mtu, 1400U);
    EXPECT_EQ(asked.endpoints.at(0).link, eth1.link) << "what it is given back with";
}

TEST(PlanNetwork, LinksThatStayWhereTheyAre)
{
    auto refused = [](const FoundLink& found, std::vector<machine::NetworkSpec> networks = {{.network = "physical:eth1"}}) {
        auto planned = plan_moved(std::move(networks), found);
        return planned ? "" : planned.error().text;
    };
    auto with = [](auto change) {
        FoundLink found = eth1;
        change(found);
        return found;
    };
    EXPECT_EQ(refused(eth1), "");
    EXPECT_EQ(refused({}), "interface 'eth1' is not on the host: 'ip link' lists those that are");
    EXPECT_EQ(refused({.machine = "db", .is_inside = true}), "interface 'eth1' is in machine 'db': it is back when that has ended");
    EXPECT_EQ(refused({}, {{.network = "physical:a-name-so-long-x"}}),
              "interface 'a-name-so-long-x' is none: a name has at most 15 characters");
    EXPECT_EQ(refused(with([](FoundLink& found) { found.machine = "db"; })),
              "interface 'eth1' is used by machine 'db': disconnect that first");
    EXPECT_EQ(refused(with([](FoundLink& found) { found.network = "wire"; })),
              "interface 'eth1' is of network 'wire' of holm: name the network instead");
    EXPECT_EQ(refused(with([](FoundLink& found) { found.is_loopback = true; })),
              "interface 'eth1' is the host's loopback, which stays: each machine has its own");
    EXPECT_EQ(refused(with([](FoundLink& found) { found.master = "br0"; })),
              "interface 'eth1' is a port of 'br0': take it out of that first ('ip link set eth1 nomaster')");
    EXPECT_EQ(refused(with([](FoundLink& found) { found.link.kind = "bridge"; })),
              "interface 'eth1' is a bridge, which the kernel does not move: bridge:eth1 makes the machine a port of it");
    EXPECT_EQ(refused(with([](FoundLink& found) { found.has_default_route = true; })),
              "interface 'eth1' carries the host's default route: without it the host is cut off; remove that route first");
    EXPECT_EQ(refused(eth1, {{.network = "physical:eth1"}, {.network = "physical:eth1", .interface = "eth7"}}),
              "network 'physical:eth1': the machine has that interface already");
    EXPECT_EQ(refused(eth1, {{.network = "physical:eth1", .ingress = "1M"}}),
              "not supported: 'network[0].ingress' on network 'physical:eth1', which has no end on the host");
    EXPECT_EQ(refused(eth1, {{.network = "physical:eth1", .publish = {"80:80"}}}),
              "not supported: 'network[0].publish' on network 'physical:eth1'");
}

TEST(PlanNetwork, ALinkIsKnownWhileItIsAway)
{
    EXPECT_EQ(inner_index({.index = 3}), 0x40000003);
    EXPECT_EQ(passing_name({.index = 3}), "holm40000003");
    EXPECT_LE(passing_name({.index = 0x3fffffff}).size(), 15U);
    EXPECT_EQ(free_name("eth1"), "eth1-%d");
    EXPECT_EQ(free_name("enp129s0f0np12x"), "enp129s0f0n-%d") << "15 characters with two digits";
}

// What the host's own programs have: "tcp 127.0.0.1 80", "" being both families.
TEST(PlanNetwork, APortThatAProgramOfTheHostHas)
{
    auto refused = [](const std::string& published, const Listener& listener) {
        const machine::Spec of = spec({{.network = "lan", .publish = {published}}});
        Facts known = facts(of);
        known.listeners = {listener};
        auto planned = plan_network(of, known, example::uuid);
        EXPECT_TRUE(planned || (planned.error().code == Errc::Busy && planned.error().sys_errno == EADDRINUSE));
        return planned ? "" : planned.error().text;
    };
    EXPECT_EQ(
        refused("8080:80", {"tcp", "127.0.0.1", 8080}),
        "the published port '8080:80/tcp' is in use: a program of the host listens at port 8080 of 127.0.0.1 (tcp); stop it ('ss -lnp "
        "sport = :8080' as root names it), or publish another port");
    EXPECT_TRUE(refused("8080:80", {"tcp", "", 8080}).contains("at port 8080 of all addresses (tcp)"));
    EXPECT_TRUE(refused("[::1]:8080:80", {"tcp", "::", 8080}).contains("at port 8080 of [::] (tcp)"));
    for (const char* address : {"", "0.0.0.0", "::", "192.0.2.1", "2001:db8::1"})
        EXPECT_NE(refused("8070-8090:70-90/udp", {"udp", address, 8090}), "") << address;
    for (const char* address : {"", "0.0.0.0", "192.0.2.1"}) {
        EXPECT_NE(refused("192.0.2.1:80:80", {"tcp", address, 80}), "") << address;
        EXPECT_NE(refused("0.0.0.0:80:80", {"tcp", address, 80}), "") << address;
        EXPECT_EQ(refused("[::1]:80:80", {"tcp", address, 80}) == "", *address != 0) << address;
    }
    EXPECT_EQ(refused("192.0.2.1:80:80", {"tcp", "192.0.2.2", 80}), "");
    EXPECT_EQ(refused("192.0.2.1:80:80", {"tcp", "127.0.0.1", 80}), "");
    EXPECT_EQ(refused("0.0.0.0:80:80", {"tcp", "::", 80}), "") << "that one takes IPv6 alone";
    EXPECT_EQ(refused("[::]:80:80", {"tcp", "0.0.0.0", 80}), "");
    EXPECT_EQ(refused("80:80", {"udp", "", 80}), "");
    EXPECT_EQ(refused("80:80", {"tcp", "", 81}), "");
    EXPECT_EQ(refused("70-79:70-79", {"tcp", "", 80}), "");
}

}  // namespace
}  // namespace holm::network
