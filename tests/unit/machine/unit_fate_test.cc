// What a person is told of a unit that did not come up.
#include "machine/unit_fate.h"

#include <csignal>

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using Check = UnitFate::Check;
using Process = UnitFate::Process;

constexpr std::string_view unit = "holm@web.service";

bool says(const UnitFate& fate, std::string_view words)
{
    return describe_failure(fate, unit).find(words) != std::string::npos;
}

TEST(UnitFate, WhatIsUpHasNoFailure)
{
    for (const char* state : {"active", "activating", "deactivating", "reloading"}) EXPECT_TRUE(is_up({.active = state})) << state;
    for (const char* state : {"inactive", "failed", ""}) EXPECT_FALSE(is_up({.active = state})) << state;
    EXPECT_EQ(describe_failure({.active = "inactive", .result = "success"}, unit), "");
    EXPECT_EQ(describe_failure({}, unit), "");
}

TEST(UnitFate, TheConditionIsNamed)
{
    const UnitFate fate{.active = "inactive",
                        .conditions_hold = false,
                        .checks = {{"ConditionPathExists", false, false, "/etc", 1},
                                   {"ConditionPathIsMountPoint", false, true, "/srv", -1},
                                   {"ConditionHost", false, false, "box", 0}},
                        .result = "success"};
    EXPECT_TRUE(was_skipped(fate));
    EXPECT_EQ(describe_failure(fate, unit),
              "systemd did not start unit 'holm@web.service': ConditionPathIsMountPoint=!/srv does not hold; 'systemctl cat "
              "holm@web.service' shows where that is set");
}

TEST(UnitFate, OfAUnitThatWasReadAnewWhatItAsksForIsNamed)
{
    UnitFate fate{.conditions_hold = false, .checks = {{"ConditionPathExists", false, false, "/a", 0}}};
    EXPECT_TRUE(says(fate, ": ConditionPathExists=/a does not hold;"));
    fate.processes = {{"ExecCondition", "/bin/false", false, 0, 0}, {"ExecStartPre", "/bin/true", false, 0, 0}, {}};
    EXPECT_TRUE(says(fate, ": one of ConditionPathExists=/a, ExecCondition=/bin/false does not hold;"));
}

// Of several that trigger one is enough, so none of them has held; one that does not trigger decides by itself.
TEST(UnitFate, TriggersCountWhereNothingElseHasFailed)
{
    UnitFate fate{.conditions_hold = false, .checks = {{"ConditionHost", true, false, "a", -1}, {"ConditionHost", true, false, "b", -1}}};
    EXPECT_TRUE(says(fate, "ConditionHost=|a, ConditionHost=|b do not hold"));
    fate.checks.push_back({"ConditionUser", false, false, "root", -1});
    EXPECT_TRUE(says(fate, ": ConditionUser=root does not hold"));
    EXPECT_FALSE(says(fate, "|a"));
    EXPECT_TRUE(says({.asserts_hold = false}, "a Condition or Assert"));
}

TEST(UnitFate, TheProcessThatFailedIsNamed)
{
    const Process pre{"ExecStartPre", "/bin/false", false, CLD_EXITED, 1}, passed{"ExecStartPre", "/bin/true", false, CLD_EXITED, 0};
    EXPECT_EQ(describe_failure({.result = "exit-code", .processes = {passed, pre, {}}}, unit),
              "unit 'holm@web.service' failed to start (systemd: exit-code): its ExecStartPre=/bin/false ended with status 1; see "
              "'journalctl -u holm@web.service'");
    EXPECT_TRUE(
        says({.result = "exit-code", .processes = {{"", "", false, CLD_EXITED, 208}}}, "its main process ended with status 208/STDIN;"));
    EXPECT_TRUE(says({.result = "signal", .processes = {{"", "", false, CLD_KILLED, SIGKILL}}}, "was ended by SIGKILL"));
    EXPECT_TRUE(says({.result = "resources", .processes = {{}}}, "(systemd: resources); see"));
    Process ignored = pre;
    ignored.may_fail = true;
    EXPECT_FALSE(says({.result = "timeout", .processes = {ignored}}, "ExecStartPre"));
}

}  // namespace
}  // namespace holm::machine
