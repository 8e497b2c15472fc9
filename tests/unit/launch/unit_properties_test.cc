// The unit's properties: what a scope must have, and that a service is always told the whole list.
#include "launch/unit_properties.h"

#include <gtest/gtest.h>

#include <csignal>

#include "example.h"

namespace holm::launch {
namespace {

using Properties = std::vector<UnitProperty>;

Properties plan(UnitKind kind, const machine::Spec& spec, const Defaults& defaults = {})
{
    return *plan_unit_properties(spec, {.unit = kind, .defaults = defaults}, std::chrono::seconds(90));
}

std::vector<UnitProperty::Value> values(const Properties& properties, std::string_view name)
{
    std::vector<UnitProperty::Value> all;
    for (const UnitProperty& property : properties)
        if (property.name == name) all.push_back(property.value);
    return all;
}

using Values = std::vector<UnitProperty::Value>;

TEST(ScopeProperties, StopIsOrderlyWithoutABus)
{
    Properties scope = plan(UnitKind::Scope, example::spec());
    EXPECT_EQ(values(scope, "KillMode"), Values{"control-group"});
    EXPECT_EQ(values(scope, "KillSignal"), Values{int32_t{SIGCONT}});
    EXPECT_EQ(values(scope, "SendSIGHUP"), Values{false});
    EXPECT_EQ(values(scope, "TimeoutStopUSec"), Values{uint64_t{100'000'000}});
    EXPECT_EQ(values(scope, "Delegate"), Values{true});
    EXPECT_EQ(values(scope, "Slice"), Values{"machine.slice"});
    EXPECT_EQ(values(scope, "After"), (Values{UnitProperty::Strings{"dbus.service", "holmd.service", "systemd-machined.service"}}));
    EXPECT_EQ(values(scope, "DevicePolicy"), Values{"closed"});
    EXPECT_EQ(values(scope, "DeviceAllow"), (Values{UnitProperty::Pairs{{"char-pts", "rw"}}}));
    EXPECT_EQ(values(scope, "TasksMax"), Values{uint64_t{4096}});
    EXPECT_TRUE(values(scope, "MemoryMax").empty());
}

TEST(ScopeProperties, OrderingOfTheDefinition)
{
    machine::Spec spec = example::spec();
    spec.unit.after = {"holm@db.service", "dbus.service"};
    spec.unit.requires_ = {"holm@db.service"};
    Properties scope = plan(UnitKind::Scope, spec);
    EXPECT_EQ(std::get<UnitProperty::Strings>(values(scope, "After")[0]).size(), 4U);
    EXPECT_EQ(values(scope, "Requires"), (Values{UnitProperty::Strings{"holm@db.service"}}));
    EXPECT_TRUE(values(scope, "Wants").empty());
}

TEST(ServiceProperties, NothingThatIsReadOnlyAtLoad)
{
    Properties service = plan(UnitKind::Service, example::spec());
    for (const char* name : {"Slice", "After", "Delegate", "KillMode", "KillSignal", "TimeoutStopUSec", "CollectMode"})
        EXPECT_TRUE(values(service, name).empty()) << name;
}

TEST(ServiceProperties, TheWholeListSoThatAnEarlierStartLeavesNothing)
{
    machine::Spec spec = example::spec();
    Properties before = plan(UnitKind::Service, spec);
    EXPECT_EQ(values(before, "MemoryMax"), Values{UINT64_MAX});
    spec.resources = {{"MemoryMax", "512M"}, {"IOReadBandwidthMax", "/dev/sda 5M"}, {"TasksMax", "200"}};
    Properties service = plan(UnitKind::Service, spec);
    EXPECT_EQ(values(service, "MemoryMax"), Values{uint64_t{512} << 20});
    EXPECT_EQ(values(service, "TasksMax"), Values{uint64_t{200}});
    // A list is cleared first, as setting it adds.
    Values limits = values(service, "IOReadBandwidthMax");
    ASSERT_EQ(limits.size(), 2U);
    EXPECT_EQ(limits[0], UnitProperty::Value(UnitProperty::Limits{}));
    EXPECT_EQ(limits[1], UnitProperty::Value(UnitProperty::Limits{{"/dev/sda", 5'000'000}}));
    EXPECT_EQ(values(service, "DeviceAllow").size(), 2U);
}

TEST(Resources, DefinitionOverHolmTomlOverHolm)
{
    machine::Spec spec = example::spec();
    Defaults defaults{.resources = {{"TasksMax", "1000"}, {"CPUWeight", "50"}}};
    EXPECT_EQ(values(plan(UnitKind::Scope, spec, defaults), "TasksMax"), Values{uint64_t{1000}});
    spec.resources = {{"TasksMax", "infinity"}, {"AllowedCPUs", "0-1,8"}, {"CPUQuota", "50%"}};
    Properties scope = plan(UnitKind::Scope, spec, defaults);
    EXPECT_EQ(values(scope, "TasksMax"), Values{UINT64_MAX});
    EXPECT_EQ(values(scope, "CPUWeight"), Values{uint64_t{50}});
    EXPECT_EQ(values(scope, "AllowedCPUs"), (Values{UnitProperty::Bytes{0x03, 0x01}}));
    EXPECT_EQ(values(scope, "CPUQuotaPerSecUSec"), Values{uint64_t{500'000}});
}

}  // namespace
}  // namespace holm::launch
