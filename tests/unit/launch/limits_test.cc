// What is shown of [resources]: what somebody has set, as they would write it.
#include "launch/limits.h"

#include <gtest/gtest.h>

#include "example.h"
#include "launch/unit_properties.h"

namespace holm::launch {
namespace {

using Texts = std::map<std::string, std::string>;

Texts limits(std::vector<std::pair<std::string, std::string>> resources, UnitKind kind, const Defaults& defaults = {})
{
    machine::Spec spec = example::spec();
    spec.resources = std::move(resources);
    auto planned = plan_unit_properties(spec, {.unit = kind, .defaults = defaults}, std::chrono::seconds(90));
    EXPECT_TRUE(planned) << planned.error().text;
    const Texts shown = limits_of(*planned);
    EXPECT_EQ(limits_of(*plan_resources(spec, defaults)), shown) << "the definition alone says the same";
    return shown;
}

TEST(Limits, AsADefinitionHasThem)
{
    for (const UnitKind kind : {UnitKind::Service, UnitKind::Scope}) {
        EXPECT_EQ(limits({}, kind), (Texts{{"TasksMax", "4096"}}));
        EXPECT_EQ(limits({{"TasksMax", "infinity"}}, kind), Texts());
        const Texts all = {{"MemoryMax", "512M"},    {"MemoryHigh", "50%"},
                           {"CPUQuota", "250%"},     {"CPUQuotaPeriodSec", "20ms"},
                           {"AllowedCPUs", "0-1,3"}, {"CPUWeight", "50"},
                           {"TasksMax", "200"},      {"ManagedOOMSwap", "kill"},
                           {"MemoryLow", "1G"},      {"hugetlb.2MB.max", "67108864"}};
        EXPECT_EQ(limits({all.begin(), all.end()}, kind), all);
        EXPECT_EQ(limits({{"IOReadBandwidthMax", "/dev/a 1M"}, {"IOReadBandwidthMax", "/dev/b 2M"}}, kind).at("IOReadBandwidthMax"),
                  "/dev/a 1000000, /dev/b 2000000");
        EXPECT_EQ(limits({{"MemoryMax", "infinity"}}, kind, {.resources = {{"MemoryMax", "1G"}, {"CPUQuota", "12.5%"}}}),
                  (Texts{{"TasksMax", "4096"}, {"CPUQuota", "12.5%"}}));
    }
}

TEST(Limits, WhatNothingEnforces)
{
    machine::Spec spec = example::spec();
    const std::string only = "cpuset io pids\n";
    EXPECT_EQ(find_unenforced(spec, {}, "").size(), 0U) << "nobody has set TasksMax";
    spec.resources = {{"MemoryMax", "1G"}, {"MemoryHigh", "50%"}, {"TasksMax", "5"}, {"CPUQuota", "50%"}, {"IPAddressDeny", "any"}};
    EXPECT_EQ(find_unenforced(spec, {}, "cpuset cpu io memory hugetlb pids\n"), std::vector<std::string>());
    EXPECT_EQ(find_unenforced(spec, {}, only),
              (std::vector<std::string>{
                  "CPUQuota of [resources] is not enforced: cgroup v2 of this host has no controller 'cpu' (see 'holmctl doctor')",
                  "MemoryHigh, MemoryMax of [resources] are not enforced: cgroup v2 of this host has no controller 'memory' (see 'holmctl "
                  "doctor')"}));
    spec.resources = {{"MemoryMax", "infinity"}};
    EXPECT_EQ(find_unenforced(spec, {.resources = {{"MemoryMax", "1G"}}}, only), std::vector<std::string>());
    EXPECT_EQ(find_unenforced(spec, {.resources = {{"AllowedCPUs", "0"}}}, "memory").size(), 1U);
    Facts facts = example::facts();
    facts.host.controllers = only;
    spec.resources = {{"MemoryMax", "1G"}};
    auto planned = make_plan(spec, facts, {});
    ASSERT_TRUE(planned) << planned.error().text;
    EXPECT_EQ(planned->warnings, find_unenforced(spec, {}, only)) << "a start says it";
}

}  // namespace
}  // namespace holm::launch
