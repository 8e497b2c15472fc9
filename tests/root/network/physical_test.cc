// Links of the host in machines: each comes back as it was, whatever the machine and its processes have come to.
#include <sys/mount.h>

#include <filesystem>

#include "../must.h"
#include "kernel/link_move.h"
#include "network/apply_machine.h"
#include "network/apply_physical.h"
#include "network/observe_link.h"
#include "network/physical.h"
#include "wire.h"

namespace holm::network {
namespace {

class Physical : public test::Wire {
protected:
    void SetUp() override
    {
        Wire::SetUp();
        if (IsSkipped()) return;
        ASSERT_EQ(unshare(CLONE_NEWNS), 0);  // what is mounted ends with the test
        ASSERT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        char name[] = "/tmp/holm-links-XXXXXX";
        ASSERT_TRUE(mkdtemp(name));
        folder_ = std::string(name) + "/web";
        ip("link add lan0 address 02:00:5e:10:00:05 mtu 1400 type veth peer name lan1");
        ip("link set lan0 alias 'to the laboratory' up");
        ip("link property add dev lan0 altname laboratory");
    }
    void TearDown() override
    {
        if (IsSkipped()) return;
        std::error_code failure;
        std::filesystem::remove_all(std::filesystem::path(folder_).parent_path(), failure);
    }

    // As the planner makes it of the link that there is.
    static Plan plan_of(const std::string& interface = "lan0")
    {
        const FoundLink found = test::must(observe_link("lan0"));
        Endpoint endpoint{.type = EndpointType::Physical, .parent = found.name, .interface = interface, .mac = found.link.mac};
        endpoint.addresses = {*parse_cidr("10.7.0.5/24")};
        endpoint.link = found.link;
        return {.kind = Kind::Endpoints, .endpoints = {endpoint}};
    }
    Result<> start(const Plan& plan, const test::Namespace& machine) const
    {
        TRY(move_in(plan, folder_, machine.pid()));
        return apply_outside(plan, machine.pid(), machine.descriptor());
    }
    static std::string in(const test::Namespace& machine, const std::string& arguments)
    {
        return fmt::format("nsenter -t {} -n ip {}", machine.pid(), arguments);
    }
    static void changes(const test::Namespace& machine, const std::string& arguments)
    {
        ASSERT_EQ(system(in(machine, arguments).c_str()), 0) << arguments;
    }
    void expect_back(const std::string& name = "lan0") const
    {
        const auto found = test::must(observe_link(name));
        ASSERT_EQ(found.name, name);
        EXPECT_EQ(found.link.mac, (Mac{2, 0, 0x5e, 0x10, 0, 5}));
        EXPECT_EQ(found.link.mtu, 1400U);
        EXPECT_EQ(found.link.alias, "to the laboratory");
        EXPECT_EQ(found.link.names, std::vector<std::string>{"laboratory"});
        EXPECT_TRUE(addresses(name).empty()) << "none is invented";
    }
    size_t kept() const
    {
        std::error_code failure;
        std::filesystem::directory_iterator names(folder_, failure);
        return failure ? 0 : static_cast<size_t>(std::distance(begin(names), end(names)));
    }

    std::string folder_;
};

TEST_F(Physical, InAndBack)
{
    const Plan plan = plan_of("eth0");
    test::Namespace machine;
    Result<> started = start(plan, machine);
    ASSERT_TRUE(started) << started.error().text;
    EXPECT_FALSE(link("lan0"));
    kernel::Netlink inside = machine.netlink();
    const auto eth0 = test::must(kernel::find_link(inside, "eth0"));
    ASSERT_TRUE(eth0);
    EXPECT_TRUE(eth0->up);
    EXPECT_EQ(eth0->index, inner_index(plan.endpoints[0].link));
    EXPECT_EQ(addresses(inside, "eth0"), std::vector<std::string>{"10.7.0.5/24"});
    EXPECT_EQ(kept(), 1U);
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    expect_back();
    EXPECT_EQ(link("lan0")->index, plan.endpoints[0].link.index);
    EXPECT_EQ(kept(), 0U);
    EXPECT_TRUE(give_back(plan.endpoints, folder_)) << "once more";
    expect_back();
}

TEST_F(Physical, ItOutlivesTheMachine)
{
    const Plan plan = plan_of();
    {
        test::Namespace machine;
        ASSERT_TRUE(start(plan, machine));
    }
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    expect_back();
}

TEST_F(Physical, WhateverTheMachineMakesOfIt)
{
    const Plan plan = plan_of();
    test::Namespace machine;
    ASSERT_TRUE(start(plan, machine));
    changes(machine, "link set lan0 down");
    changes(machine, "link set lan0 name lo0 address 02:00:00:00:00:99 mtu 1300 alias mine");
    changes(machine, "link property add dev lo0 altname eth0");
    changes(machine, "link property del dev lo0 altname laboratory");
    ip("link add eth0 type ifb");
    ip("link add lo0 type ifb");
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    const auto found = test::must(observe_link("lan0"));
    EXPECT_EQ(found.link.mac, (Mac{2, 0, 0x5e, 0x10, 0, 5}));
    EXPECT_EQ(found.link.mtu, 1400U);
    EXPECT_EQ(found.link.alias, "to the laboratory");
    EXPECT_TRUE(found.link.names.empty()) << "none of the machine's";
    EXPECT_TRUE(link("eth0")) << "nobody else's link has gone";
}

TEST_F(Physical, ARebootKeepsIt)
{
    const Plan plan = plan_of();
    test::Namespace before;
    ASSERT_TRUE(start(plan, before));
    changes(before, "link set lan0 down");
    changes(before, "link set lan0 name other mtu 1300");
    test::Namespace machine;
    Result<> again = start(plan, machine);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_FALSE(link("lan0")) << "it was never the host's meanwhile";
    kernel::Netlink inside = machine.netlink();
    const auto lan0 = test::must(kernel::find_link(inside, "lan0"));
    ASSERT_TRUE(lan0);
    EXPECT_EQ(lan0->mtu, 1400U);
    EXPECT_EQ(addresses(inside, "lan0"), std::vector<std::string>{"10.7.0.5/24"});
    EXPECT_EQ(kept(), 1U) << "the namespace of the boot before is kept no longer";
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    expect_back();
}

TEST_F(Physical, ANameThatIsTakenMeanwhile)
{
    const Plan plan = plan_of();
    test::Namespace machine;
    ASSERT_TRUE(start(plan, machine));
    ip("link add lan0 type ifb");
    const kernel::Link other = *link("lan0");
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    EXPECT_EQ(link("lan0")->index, other.index);
    expect_back("lan0-0");
}

// What a kill at any point leaves.
TEST_F(Physical, AHalfIsMadeAWhole)
{
    const Plan plan = plan_of();
    ASSERT_TRUE(give_back(plan.endpoints, folder_)) << "it was not moved yet";
    expect_back();
    ip("link set lan0 down");
    ip(fmt::format("link set lan0 name {}", passing_name(plan.endpoints[0].link)));
    ASSERT_TRUE(give_back(plan.endpoints, folder_)) << "it was on its way back";
    expect_back();
    test::Namespace machine;
    ASSERT_TRUE(move_in(plan, folder_, machine.pid()));
    ASSERT_TRUE(move_in(plan, folder_, machine.pid())) << "it was in, and not more";
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    expect_back();
}

TEST_F(Physical, OneThatTheMachineHasRemoved)
{
    const Plan plan = plan_of();
    test::Namespace machine;
    ASSERT_TRUE(start(plan, machine));
    changes(machine, "link delete lan0");
    changes(machine, fmt::format("link add lan0 index {} type bridge", inner_index(plan.endpoints[0].link)));
    ASSERT_TRUE(give_back(plan.endpoints, folder_)) << "it is said, and no error";
    EXPECT_FALSE(link("lan0")) << "nothing of the machine's is taken for it";
    EXPECT_EQ(kept(), 0U);
    test::Namespace again;
    const Result<> refused = move_in(plan, folder_, again.pid());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("interface 'lan0' of the host is gone"), std::string::npos) << refused.error().text;
    ASSERT_TRUE(give_back(plan.endpoints, folder_));
    EXPECT_EQ(kept(), 0U);
}

TEST_F(Physical, WhatIsSeenOfALink)
{
    ip("link add br0 type bridge");
    ip("link add port type ifb");
    ip("link set port master br0");
    ip("link set lan0 up");
    ip("address add 10.7.0.1/24 dev lan0");
    ip("route add default via 10.7.0.2");
    EXPECT_EQ(test::must(observe_link("nowhere")), FoundLink{});
    EXPECT_TRUE(test::must(observe_link("lo")).is_loopback);
    EXPECT_EQ(test::must(observe_link("port")).master, "br0");
    EXPECT_EQ(test::must(observe_link("br0")).link.kind, "bridge");
    EXPECT_FALSE(test::must(observe_link("port")).has_default_route);
    EXPECT_TRUE(test::must(observe_link("lan0")).has_default_route);
    EXPECT_EQ(test::must(observe_link("laboratory")).name, "lan0") << "by another of its names";
}

}  // namespace
}  // namespace holm::network
