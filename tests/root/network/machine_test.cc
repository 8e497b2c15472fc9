// A machine's interfaces: all that is to be there is there and usable when apply_outside returns; after a failure nothing is.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "network/apply_host.h"
#include "network/apply_machine.h"
#include "wire.h"

namespace holm::network {
namespace {

class Machine : public test::Wire {
protected:
    void SetUp() override
    {
        Wire::SetUp();
        if (IsSkipped()) return;
        ASSERT_TRUE(bring_up(lan));
        ASSERT_TRUE(bring_up(dmz));
    }
    static Result<> apply(const Plan& plan, const test::Namespace& machine)
    {
        return apply_outside(plan, machine.pid(), machine.descriptor());
    }
    static Plan plan_of(std::vector<Endpoint> endpoints) { return {.kind = Kind::Endpoints, .endpoints = std::move(endpoints)}; }
    static std::vector<kernel::Route> default_routes(const test::Namespace& machine)
    {
        kernel::Netlink netlink = machine.netlink();
        std::vector<kernel::Route> routes = *kernel::list_routes(netlink);
        std::erase_if(routes, [](const kernel::Route& route) { return route.length || route.gateway.empty(); });
        return routes;
    }

    const Segment lan = test::make_segment("lan", {"10.9.0.1/24", "fd00:9::1/64"});
    const Segment dmz = test::make_segment("dmz", {"10.8.0.1/24", "fd00:8::1/64"});
};

using Texts = std::vector<std::string>;

TEST_F(Machine, EverythingIsThereAtOnce)
{
    test::Namespace machine;
    Result<> done = apply(plan_of({test::make_endpoint(lan, "eth0", 5)}), machine);
    ASSERT_TRUE(done) << done.error().text;
    kernel::Netlink inside = machine.netlink();
    EXPECT_EQ(addresses(inside, "eth0"), (Texts{"10.9.0.5/24", "fd00:9::5/64", "fe80::ff:fe00:5/64"}));
    auto eth0 = *kernel::find_link(inside, "eth0");
    EXPECT_EQ(eth0->mac, (Mac{2, 0, 0, 0, 0, 5}));
    EXPECT_EQ(eth0->mtu, 1500U);
    EXPECT_TRUE(eth0->up);
    EXPECT_TRUE((*kernel::find_link(inside, "lo"))->up);
    EXPECT_EQ(default_routes(machine).size(), 2U);
    EXPECT_TRUE(machine.reaches("10.9.0.1"));
    EXPECT_TRUE(machine.reaches("fd00:9::1"));
    EXPECT_TRUE(machine.reaches("127.0.0.1"));
    kernel::Link outer = *link("hm000000000005");
    EXPECT_TRUE(outer.up);
    EXPECT_EQ(outer.master, link("holm-lan")->index);
    EXPECT_TRUE(addresses("hm000000000005").empty());
}

// Of a machine that has ended: nobody sees them any more, and their names can be had again.
TEST_F(Machine, EndsAreGoneFromSightWhileTheKernelIsBusyWithThem)
{
    const Plan plan = plan_of({test::make_endpoint(lan, "eth0", 5), test::make_endpoint(dmz, "eth1", 6)});
    const Plan other = plan_of({test::make_endpoint(lan, "eth0", 7)});
    const std::array ended = {&plan, &other};
    for (int i = 0; i < 5; ++i) {
        test::Namespace machine, second;
        auto applied = apply(plan, machine);
        ASSERT_TRUE(applied) << applied.error().text;
        ASSERT_TRUE(apply(other, second));
        auto removed = remove_ended(ended);
        ASSERT_TRUE(removed) << removed.error().text;
        EXPECT_FALSE(link("hm000000000005") || link("hm000000000006") || link("hm000000000007"));
        EXPECT_TRUE(remove_ended(ended));
    }
    EXPECT_TRUE(link("holm-lan"));
}

// Theirs go together, by a group: what somebody else has put into it stays.
TEST_F(Machine, NobodyElsesLinkGoesWithThem)
{
    const Plan plan = plan_of({test::make_endpoint(lan, "eth0", 5), test::make_endpoint(dmz, "eth1", 6)});
    const Plan* const ended = &plan;
    test::Namespace machine;
    ASSERT_TRUE(apply(plan, machine));
    ASSERT_EQ(std::system("ip link add strange group 0x686f6c6d type bridge"), 0);
    auto removed = remove_ended({&ended, 1});
    EXPECT_TRUE(removed) << removed.error().text;
    EXPECT_FALSE(link("hm000000000005") || link("hm000000000006"));
    EXPECT_TRUE(link("strange"));
    EXPECT_EQ(std::system("ip link del strange"), 0);
}

// One that is lost is sent again a second later.
TEST_F(Machine, NoFirstPacketIsLost)
{
    for (const char* gateway : {"10.9.0.1", "fd00:9::1"}) {
        ASSERT_TRUE(take_down(lan));
        ASSERT_TRUE(bring_up(lan));
        test::Namespace machine;
        ASSERT_TRUE(apply(plan_of({test::make_endpoint(lan, "eth0", 5)}), machine));
        auto begin = std::chrono::steady_clock::now();
        EXPECT_TRUE(machine.reaches(gateway));
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(700)) << gateway;
    }
}

TEST_F(Machine, TwoInterfacesOnTwoNetworks)
{
    test::Namespace machine;
    ASSERT_TRUE(apply(plan_of({test::make_endpoint(lan, "eth0", 5), test::make_endpoint(dmz, "inner", 6)}), machine));
    kernel::Netlink inside = machine.netlink();
    EXPECT_EQ(addresses(inside, "inner"), (Texts{"10.8.0.6/24", "fd00:8::6/64", "fe80::ff:fe00:6/64"}));
    for (auto& route : default_routes(machine)) EXPECT_EQ(route.index, (*kernel::find_link(inside, "eth0"))->index);
    EXPECT_EQ(default_routes(machine).size(), 2U);
    EXPECT_TRUE(machine.reaches("10.9.0.1"));
    EXPECT_TRUE(machine.reaches("10.8.0.1"));
    EXPECT_TRUE(machine.reaches("fd00:8::1"));
}

TEST_F(Machine, TwoMachinesReachEachOther)
{
    test::Namespace one, two;
    ASSERT_TRUE(apply(plan_of({test::make_endpoint(lan, "eth0", 5)}), one));
    ASSERT_TRUE(apply(plan_of({test::make_endpoint(lan, "eth0", 6)}), two));
    EXPECT_TRUE(one.reaches("10.9.0.6"));
    EXPECT_TRUE(two.reaches("fd00:9::5"));
}

TEST_F(Machine, AnAgainOfADyingNamespace)
{
    const Plan plan = plan_of({test::make_endpoint(lan, "eth0", 5)});
    test::Namespace before, machine;
    ASSERT_TRUE(apply(plan, before));
    ASSERT_TRUE(apply(plan, machine));
    EXPECT_TRUE(machine.reaches("10.9.0.1"));
    kernel::Netlink gone = before.netlink();
    EXPECT_FALSE(*kernel::find_link(gone, "eth0"));
    for (int i = 0; i < 10; ++i) {
        test::Namespace short_lived;
        Result<> done = apply(plan, short_lived);
        ASSERT_TRUE(done) << done.error().text;
    }
}

TEST_F(Machine, ABridgeHasSoManyPorts)
{
    const std::string batch = fmt::format("/tmp/holm-ports-{}", getpid());
    std::string lines;
    for (int i = 0; i < 1023; ++i) lines += fmt::format("link add port{} master holm-lan type ifb\n", i);
    ASSERT_TRUE(replace_file(batch, lines, 0600, Durable::No));
    ip("-batch " + batch);
    unlink(batch.c_str());
    const Plan plan = plan_of({test::make_endpoint(lan, "eth0", 5)});
    test::Namespace machine;
    const Result<> refused = apply(plan, machine);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Busy);
    EXPECT_NE(refused.error().text.find("bridge 'holm-lan' has 1023 ports, as many as the kernel gives one: stop a machine"),
              std::string::npos)
        << refused.error().text;
    EXPECT_FALSE(link("hm000000000005")) << "nothing of it is left";
    ip("link delete port7");
    EXPECT_TRUE(apply(plan, machine)) << "with one less there is room";
}

TEST_F(Machine, ANameOfTheHostThatIsTakenIsLeftAlone)
{
    ip("link add hm000000000005 type bridge");
    kernel::Link before = *link("hm000000000005");
    test::Namespace machine;
    Result<> refused = apply(plan_of({test::make_endpoint(lan, "eth0", 5)}), machine);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Exists);
    EXPECT_TRUE(refused.error().text.starts_with("interface 'eth0' on network 'lan': cannot make the pair 'hm000000000005' and 'eth0'"))
        << refused.error().text;
    EXPECT_EQ(*link("hm000000000005"), before);
}

TEST_F(Machine, AFailureInTheMiddleLeavesNothing)
{
    test::Namespace machine;
    Endpoint second = test::make_endpoint(dmz, "eth1", 6);
    second.parent = "nowhere";
    Result<> refused = apply(plan_of({test::make_endpoint(lan, "eth0", 5), second}), machine);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::NotFound);
    EXPECT_EQ(refused.error().text, "interface 'eth1' on network 'dmz': there is no interface 'nowhere' on the host");
    EXPECT_FALSE(link("hm000000000005"));

    second = test::make_endpoint(dmz, "eth0", 6);  // twice one name
    EXPECT_FALSE(apply(plan_of({test::make_endpoint(lan, "eth0", 5), second}), machine));
    EXPECT_FALSE(link("hm000000000005") || link("hm000000000006"));

    Endpoint wrong = test::make_endpoint(lan, "eth0", 5);
    wrong.addresses[0].address = *parse_ip("0.0.0.0"), wrong.addresses[1].address = *parse_ip("ff02::1");
    refused = apply(plan_of({wrong}), machine);
    ASSERT_FALSE(refused);
    EXPECT_FALSE(link("hm000000000005"));
}

TEST_F(Machine, MtuOfItsOwnDoesNotChangeTheNetworks)
{
    test::Namespace machine;
    Endpoint endpoint = test::make_endpoint(lan, "eth0", 5);
    endpoint.mtu = 1300;
    ASSERT_TRUE(apply(plan_of({endpoint}), machine));
    kernel::Netlink inside = machine.netlink();
    EXPECT_EQ((*kernel::find_link(inside, "eth0"))->mtu, 1300U);
    EXPECT_EQ(link("holm-lan")->mtu, 1500U);
}

TEST_F(Machine, AGatewayBesideTheNetwork)
{
    test::Namespace machine;
    Endpoint endpoint = test::make_endpoint(lan, "eth0", 5);
    endpoint.addresses = {*parse_cidr("10.9.0.5/32"), *parse_cidr("fd00:9::5/128")};
    Result<> done = apply(plan_of({endpoint}), machine);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_TRUE(machine.reaches("10.9.0.1"));
    EXPECT_TRUE(machine.reaches("fd00:9::1"));
}

TEST_F(Machine, APairWithoutANetwork)
{
    test::Namespace machine;
    Endpoint endpoint{.type = EndpointType::Veth, .host_interface = "hm000000000007", .interface = "host0", .mac = {2, 0, 0, 0, 0, 7}};
    ASSERT_TRUE(apply(plan_of({endpoint}), machine));
    EXPECT_EQ(link("hm000000000007")->master, 0);
    EXPECT_TRUE(link("hm000000000007")->up);
}

TEST_F(Machine, Macvlan)
{
    ip("link add uplink type veth peer name router"), ip("link set uplink up"), ip("link set router up");
    ip("address add 10.7.0.1/24 dev router");
    test::Namespace machine;
    Endpoint endpoint{.type = EndpointType::Macvlan, .parent = "uplink", .interface = "eth0", .mac = {2, 0, 0, 0, 0, 7}};
    endpoint.addresses = {*parse_cidr("10.7.0.7/24")};
    Result<> done = apply(plan_of({endpoint}), machine);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_TRUE(machine.reaches("10.7.0.1"));
}

TEST_F(Machine, NoEndpointsNothingToDo)
{
    test::Namespace machine;
    EXPECT_TRUE(apply({.kind = Kind::None}, machine));
    EXPECT_TRUE(apply({.kind = Kind::Host}, machine));
}

TEST_F(Machine, OneInterfaceCostsLittle)
{
    std::vector<long> costs;
    for (uint8_t i = 10; i < 60; ++i) {
        test::Namespace machine;
        const Plan plan = plan_of({test::make_endpoint(lan, "eth0", i)});
        auto begin = std::chrono::steady_clock::now();
        ASSERT_TRUE(apply(plan, machine));
        costs.push_back(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count());
    }
    std::ranges::sort(costs);
    RecordProperty("microseconds", static_cast<int>(costs[costs.size() / 2]));
    EXPECT_LT(costs[costs.size() / 2], 50'000);
}

}  // namespace
}  // namespace holm::network
