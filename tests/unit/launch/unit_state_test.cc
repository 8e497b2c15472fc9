// What a unit has against what its plan has for it.
#include "launch/unit_state.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "launch/changes.h"

#include "example.h"

namespace holm::launch {
namespace {

using Properties = std::vector<UnitProperty>;

Plan plan_of(const machine::Spec& spec, UnitKind kind = UnitKind::Service)
{
    auto plan = make_plan(spec, example::facts(), {.unit = kind});
    EXPECT_TRUE(plan) << plan.error().text;
    return plan ? *plan : Plan{};
}

// What systemd answers of a unit that has just what is planned.
Properties state_of(const Plan& plan)
{
    Properties state;
    for (UnitProperty& property : readable_properties()) {
        for (const UnitProperty& planned : plan.unit.properties)
            if (planned.name == property.name) property.value = planned.value;
        state.push_back(std::move(property));
    }
    return state;
}

void set(Properties& state, std::string_view name, UnitProperty::Value value)
{
    std::ranges::find(state, name, &UnitProperty::name)->value = std::move(value);
}

std::vector<std::string> names_of(const Properties& properties)
{
    std::vector<std::string> names;
    for (const UnitProperty& property : properties) names.push_back(property.name);
    return names;
}

std::vector<std::string> lines(const Plan& running, const Plan& wanted)
{
    std::vector<std::string> all;
    for (const Change& change : compare_plans(running, wanted, 1).all)
        all.push_back(fmt::format("{} {}: {} -> {}", describe(change.reach), change.key, change.before, change.after));
    return all;
}

using Names = std::vector<std::string>;

TEST(UnitState, NothingIsToldThatIsThere)
{
    const Plan plan = plan_of(example::spec());
    EXPECT_EQ(names_of(properties_to_tell(plan.unit.properties, state_of(plan), {})), Names());
    EXPECT_EQ(with_real_properties(plan, state_of(plan)), plan);
    EXPECT_EQ(with_real_properties(plan, {}), plan) << "what is not known is believed";
}

TEST(UnitState, WhatIsDifferentIsTold)
{
    machine::Spec spec = example::spec();
    spec.resources = {{"MemoryMax", "512M"}, {"IOReadBandwidthMax", "/dev/sda 5M"}};
    const Plan plan = plan_of(spec);
    Properties state = state_of(plan_of(example::spec()));
    EXPECT_EQ(names_of(properties_to_tell(plan.unit.properties, state, {})),
              (Names{"IOReadBandwidthMax", "IOReadBandwidthMax", "MemoryMax"}))
        << "a list is cleared first";
    state = state_of(plan);
    set(state, "CPUWeight", uint64_t{7});  // of an earlier start
    EXPECT_EQ(names_of(properties_to_tell(plan.unit.properties, state, {})), Names{"CPUWeight"});
    EXPECT_EQ(names_of(properties_to_tell(plan.unit.properties, state_of(plan), Names{"TasksMax"})), Names{"TasksMax"})
        << "its file was taken away";
    state = state_of(plan);
    std::erase_if(state, [](const UnitProperty& property) { return property.name == "MemoryMax"; });
    EXPECT_EQ(names_of(properties_to_tell(plan.unit.properties, state, {})), Names{"MemoryMax"}) << "who knows";
}

// Whether a limit comes of a percentage cannot be seen.
TEST(UnitState, APercentageIsToldWithItsLimit)
{
    machine::Spec spec = example::spec();
    spec.resources = {{"MemoryMax", "50%"}};
    const Plan plan = plan_of(spec);
    Properties state = state_of(plan);
    set(state, "MemoryMax", uint64_t{1} << 30);
    EXPECT_EQ(names_of(properties_to_tell(plan.unit.properties, state, {})), (Names{"MemoryMax", "MemoryMaxScale"}));
    EXPECT_EQ(lines(with_real_properties(plan, state), plan), Names());
    set(state, "MemoryMax", UINT64_MAX);
    EXPECT_EQ(lines(with_real_properties(plan, state), plan).size(), 1U);
}

TEST(UnitState, TheOrderOfListsIsSystemds)
{
    machine::Spec spec = example::spec();
    spec.resources = {{"IOReadBandwidthMax", "/dev/sdb 5M"}, {"IOReadBandwidthMax", "/dev/sda 7M"}, {"AllowedCPUs", "0-1"}};
    const Plan plan = plan_of(spec);
    Properties state = state_of(plan);
    set(state, "IOReadBandwidthMax", UnitProperty::Limits{{"/dev/sda", 7'000'000}, {"/dev/sdb", 5'000'000}});
    set(state, "AllowedCPUs", UnitProperty::Bytes{0x03, 0x00});
    EXPECT_EQ(with_real_properties(plan, state), plan);
    set(state, "IOReadBandwidthMax", UnitProperty::Limits{{"/dev/sda", 7'000'000}});
    EXPECT_EQ(lines(with_real_properties(plan, state), plan).size(), 1U);
}

TEST(UnitState, WhatWasTakenAwayIsAChange)
{
    machine::Spec spec = example::spec();
    spec.resources = {{"MemoryMax", "512M"}, {"TasksMax", "200"}};
    const Plan plan = plan_of(spec);
    Properties state = state_of(plan);
    set(state, "MemoryMax", UINT64_MAX);
    set(state, "TasksMax", uint64_t{4096});
    const Plan real = with_real_properties(plan, state);
    EXPECT_EQ(lines(real, plan), (Names{"live resources.MemoryMax: infinity -> 536870912", "live resources.TasksMax: 4096 -> 200"}));
    EXPECT_EQ(names_of(properties_between(real, plan)), (Names{"MemoryMax", "TasksMax"}));
}

// Of a scope the plan has only what was asked for.
TEST(UnitState, AScopesDefaultsCountToo)
{
    const Plan plan = plan_of(example::spec(), UnitKind::Scope);
    Properties state = state_of(plan);
    EXPECT_EQ(with_real_properties(plan, state), plan);
    set(state, "MemoryMax", uint64_t{1} << 30);
    const Plan real = with_real_properties(plan, state);
    EXPECT_EQ(lines(real, plan), Names{"live resources.MemoryMax: 1073741824 -> "});
    EXPECT_EQ(names_of(properties_between(real, plan)), Names{"MemoryMax"});
}

}  // namespace
}  // namespace holm::launch
