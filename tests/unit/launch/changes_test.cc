// Changes of a machine that runs: what is live, what is not, and that nothing is made of what is the same.
#include "launch/changes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "example.h"

namespace holm::launch {
namespace {

Plan plan_of(const machine::Spec& spec, Facts facts = example::facts())
{
    facts.network = example::network_facts();
    auto plan = make_plan(spec, facts, {.unit = UnitKind::Service});
    EXPECT_TRUE(plan) << plan.error().text;
    return plan ? *plan : Plan{};
}

machine::Spec on_lan()
{
    machine::Spec spec = example::spec();
    spec.networks = {{.network = "lan"}};
    return spec;
}

std::vector<std::string> lines(const Changes& changes)
{
    std::vector<std::string> all;
    for (const Change& change : changes.all)
        all.push_back(fmt::format("{} {}: {} -> {}", describe(change.reach), change.key, change.before, change.after));
    return all;
}

using Lines = std::vector<std::string>;

TEST(Changes, NoneOfTheSame)
{
    const Plan plan = plan_of(on_lan());
    Plan looked_again = plan;
    looked_again.warnings = {"again"};
    looked_again.rootfs.host_files[0].content += "NAME=other\n";
    looked_again.rootfs.files.clear();  // the machine has them by now
    const Changes changes = compare_plans(plan, looked_again, 1);
    EXPECT_EQ(lines(changes), Lines());
    EXPECT_EQ(changes.reachable, plan);
    EXPECT_EQ(describe_changes("web", changes.all), "Machine 'web' runs as its definition says.\n");
}

// Of what systemd has no name for no plan has a default.
TEST(Changes, ALimitThatIsAFileOfTheCgroupIsLifted)
{
    machine::Spec spec = on_lan();
    spec.resources = {{"hugetlb.2MB.max", "64M"}};
    const Plan before = plan_of(on_lan()), after = plan_of(spec);
    EXPECT_EQ(lines(compare_plans(before, after, 1)), (Lines{"live resources.hugetlb.2MB.max:  -> 67108864"}));
    const auto told = properties_between(after, before);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].name, "hugetlb.2MB.max");
    EXPECT_EQ(std::get<uint64_t>(told[0].value), UINT64_MAX);
}

TEST(Changes, PropertiesAreLiveAndThoseOfTheStartAreNot)
{
    machine::Spec spec = on_lan();
    spec.resources = {{"MemoryMax", "512M"}, {"TasksMax", "200"}};
    const Plan before = plan_of(on_lan()), after = plan_of(spec);
    const Changes changes = compare_plans(before, after, 1);
    EXPECT_EQ(lines(changes), (Lines{"live resources.MemoryMax: infinity -> 536870912", "live resources.TasksMax: 4096 -> 200"}));
    EXPECT_EQ(changes.reachable, after);

    // Taken away again they have their defaults.
    std::vector<std::string> names;
    for (const UnitProperty& property : properties_between(after, before)) names.push_back(property.name);
    EXPECT_EQ(names, (Lines{"MemoryMax", "TasksMax"}));
    EXPECT_EQ(std::get<uint64_t>(properties_between(after, before)[0].value), UINT64_MAX);

    spec.payload.stop_timeout = std::chrono::seconds(5);
    spec.identity.hostname = "front";
    const Changes more = compare_plans(before, plan_of(spec), 1);
    EXPECT_EQ(more.reachable, after);
    EXPECT_EQ(lines(more).size(), 5U) << fmt::format("{}", fmt::join(lines(more), "\n"));
    EXPECT_EQ(std::ranges::count(lines(more), "needs restart identity.hostname: web -> front"), 1);
    EXPECT_EQ(std::ranges::count(lines(more), "needs restart payload.stop_timeout: 1m30s -> 5s") +
                  std::ranges::count(lines(more), "needs restart payload.stop_timeout: 90s -> 5s"),
              1)
        << fmt::format("{}", fmt::join(lines(more), "\n"));
}

// A live mount has no such map: it would have the ids of the host.
TEST(Changes, AMountThatAUserOfTheHostOwnsNeedsARestart)
{
    const Plan before = plan_of(on_lan());
    Plan after = before;
    after.rootfs.mounts.push_back({.type = machine::MountType::Bind,
                                   .source = "/srv/home",
                                   .target = "/home/alice",
                                   .id_mapped = false,
                                   .user = rootfs::UserMap{.uid = 4711, .gid = 4711, .id = 1000}});
    const Changes changes = compare_plans(before, after, 1);
    EXPECT_EQ(lines(changes), Lines{"needs restart mount./home/alice:  -> /srv/home user 4711 as 1000"});
    EXPECT_EQ(changes.reachable, before);
}

TEST(Changes, OfAMachineThatIsRemovedAtItsEndNothingNeedsARestart)
{
    machine::Spec spec = on_lan();
    spec.identity.hostname = "front";
    Plan before = plan_of(on_lan()), after = plan_of(spec);
    before.remove_at_end = after.remove_at_end = true;
    for (const Change& change : compare_plans(before, after, 1).all) EXPECT_EQ(change.reach, Reach::Impossible) << change.key;
}

TEST(Changes, PortsAndRatesLeaveTheInterface)
{
    machine::Spec spec = on_lan();
    spec.networks[0].publish = {"8080:80"};
    spec.networks[0].egress = "1M";
    const Plan before = plan_of(on_lan()), after = plan_of(spec);
    const Changes changes = compare_plans(before, after, 1);
    EXPECT_EQ(lines(changes), (Lines{"live network.eth0.publish:  -> 8080:80/tcp", "live network.eth0.egress:  -> 1000000 bit/s"}));
    EXPECT_EQ(changes.reachable, after);

    const Changes left = compare_plans(after, plan_of([] {
                                           machine::Spec none = example::spec();
                                           none.networks = {{.network = "none"}};
                                           return none;
                                       }()),
                                       1);
    ASSERT_EQ(left.all.size(), 1U);
    EXPECT_EQ(left.all[0].key, "network.eth0");
    EXPECT_EQ(left.all[0].after, "");
}

TEST(Changes, BindsAreLiveAndThoseOfTheStartAreLocked)
{
    const Plan before = plan_of(on_lan());
    Plan after = before;
    after.rootfs.mounts.push_back({.source = "/srv/www", .target = "/var/www", .key = "mount[0]"});
    after.rootfs.mounts.push_back({.type = machine::MountType::Tmpfs, .target = "/cache", .key = "mount[1]"});
    const Changes added = compare_plans(before, after, 3);
    EXPECT_EQ(lines(added), (Lines{"live mount./var/www:  -> /srv/www", "needs restart mount./cache:  -> tmpfs"}));
    ASSERT_EQ(added.reachable.rootfs.mounts.size(), 1U);
    EXPECT_EQ(added.reachable.rootfs.mounts[0].live_boot, 3U);

    EXPECT_EQ(lines(compare_plans(added.reachable, before, 3)), Lines{"live mount./var/www: /srv/www -> "});
    EXPECT_EQ(lines(compare_plans(added.reachable, before, 4)), Lines{"needs restart mount./var/www: /srv/www -> "}) << "after a reboot";
    Plan read_only = after;
    read_only.rootfs.mounts[0].read_only = true;
    read_only.rootfs.mounts.pop_back();
    EXPECT_EQ(lines(compare_plans(added.reachable, read_only, 3)), Lines{"live mount./var/www: /srv/www -> /srv/www read-only"});
}

TEST(Changes, DevicesAreLive)
{
    auto with = [](std::vector<rootfs::Device> devices, UnitKind kind) {
        Facts facts = example::facts();
        facts.rootfs.devices = {std::move(devices)};
        return *make_plan(example::spec(), facts, {.unit = kind});
    };
    const rootfs::Device fuse{.path = "/dev/fuse", .major_number = 10, .minor_number = 229, .mode = 0666},
        tun{.path = "/dev/net/tun", .major_number = 10, .minor_number = 200, .mode = 0666};
    for (UnitKind kind : {UnitKind::Service, UnitKind::Scope}) {
        const Plan before = with({fuse}, kind), after = with({tun}, kind);
        const Changes changes = compare_plans(before, after, 1);
        EXPECT_EQ(lines(changes), (Lines{"live security.devices./dev/fuse: char 10:229 0:0 666 rw -> ",
                                         "live security.devices./dev/net/tun:  -> char 10:200 0:0 666 rw"}));
        EXPECT_EQ(changes.reachable, after);
        const auto told = properties_between(before, after);
        ASSERT_EQ(told.size(), 2U) << "what was allowed before is cleared";
        EXPECT_EQ(told[0], (UnitProperty{"DeviceAllow", UnitProperty::Pairs{}}));
        EXPECT_EQ(std::get<UnitProperty::Pairs>(told[1].value), (UnitProperty::Pairs{{"char-pts", "rw"}, {"/dev/char/10:200", "rwm"}}));
    }
}

}  // namespace
}  // namespace holm::launch
