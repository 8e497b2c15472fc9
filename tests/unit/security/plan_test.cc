// Privileges by spec: the two capability profiles, additions and removals, defaults that only ever take away.
#include "security/plan.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include <algorithm>
#include <bit>

#include "security/capability_set.h"

namespace holm::security {
namespace {

machine::Spec boot_spec()
{
    return {};
}

machine::Spec command_spec()
{
    machine::Spec spec;
    spec.payload.command = {"/bin/true"};
    return spec;
}

bool has(uint64_t set, int capability)
{
    return (set & capability_bit(capability)) != 0;
}

TEST(Capabilities, ProfilesAreOfTheSizesThatWereTried)
{
    EXPECT_EQ(std::popcount(boot_capabilities), 24);
    EXPECT_EQ(std::popcount(command_capabilities), 10);
    EXPECT_EQ(command_capabilities & ~boot_capabilities, 0U);
}

TEST(Capabilities, WhatReachesTheHostIsInNoProfile)
{
    for (int gone : {CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_TIME, CAP_MKNOD, CAP_AUDIT_CONTROL, CAP_LINUX_IMMUTABLE, CAP_BPF, CAP_PERFMON,
                     CAP_MAC_ADMIN, CAP_MAC_OVERRIDE, CAP_SYSLOG, CAP_WAKE_ALARM})
        EXPECT_FALSE(has(boot_capabilities, gone)) << gone;
    EXPECT_FALSE(has(command_capabilities, CAP_SYS_ADMIN));
    EXPECT_FALSE(has(command_capabilities, CAP_SETFCAP));
}

TEST(Capabilities, AddThenDrop)
{
    machine::Spec spec = command_spec();
    spec.security.capabilities_add = {"CAP_NET_ADMIN", "CAP_MKNOD"};
    spec.security.capabilities_drop = {"CAP_MKNOD", "CAP_CHOWN"};
    uint64_t set = plan_security(spec, Interfaces::Own)->capabilities;
    EXPECT_EQ(set, (command_capabilities | capability_bit(CAP_NET_ADMIN)) & ~capability_bit(CAP_CHOWN));
}

TEST(Capabilities, UnknownOnesAreRefusedWithTheNearest)
{
    machine::Spec spec = boot_spec();
    spec.security.capabilities_add = {"CAP_NET_ADMN"};
    auto planned = plan_security(spec, Interfaces::Own);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().text, "'CAP_NET_ADMN' is no capability (did you mean 'CAP_NET_ADMIN'?)");
}

TEST(Capabilities, TextAndBack)
{
    uint64_t set = 0;
    for (const std::string& name : describe_capabilities(boot_capabilities | capability_bit(63))) set |= *parse_capability_bit(name);
    EXPECT_EQ(set, boot_capabilities | capability_bit(63));
    EXPECT_FALSE(parse_capability_bit("CAP_64"));
    EXPECT_FALSE(parse_capability_bit(""));
}

TEST(SecurityPlan, HostNetworkIsNotAdministered)
{
    Plan own = *plan_security(boot_spec(), Interfaces::Own), host = *plan_security(boot_spec(), Interfaces::OfTheHost);
    EXPECT_TRUE(has(own.capabilities, CAP_NET_ADMIN));
    EXPECT_FALSE(has(host.capabilities, CAP_NET_ADMIN));
    EXPECT_EQ(own.writable, std::vector<std::string>{"/proc/sys/net"});
    EXPECT_TRUE(host.writable.empty());
}

TEST(SecurityPlan, NoNewPrivilegesByDefaultForACommandAlone)
{
    EXPECT_FALSE(plan_security(boot_spec(), Interfaces::Own)->no_new_privileges);
    EXPECT_TRUE(plan_security(command_spec(), Interfaces::Own)->no_new_privileges);
    machine::Spec spec = command_spec();
    spec.security.no_new_privileges = false;
    EXPECT_FALSE(plan_security(spec, Interfaces::Own)->no_new_privileges);
}

TEST(SecurityPlan, LimitsOfTheSpecWin)
{
    machine::Spec spec = boot_spec();
    spec.security.rlimits = {{"CORE", {1, 2}}, {"NOFILE", {1024, 4096}}};
    auto limits = plan_security(spec, Interfaces::Own)->rlimits;
    EXPECT_EQ(limits.at("CORE"), std::pair(uint64_t{1}, uint64_t{2}));
    EXPECT_EQ(limits.at("NOFILE"), std::pair(uint64_t{1024}, uint64_t{4096}));
    EXPECT_EQ(limits.at("MEMLOCK"), std::pair(uint64_t{65536}, uint64_t{65536}));
}

TEST(SecurityPlan, MasksAreSortedAndBelowProcAndSys)
{
    Plan plan = *plan_security(boot_spec(), Interfaces::Own);
    for (const auto* list : {&plan.masked, &plan.read_only}) {
        EXPECT_TRUE(std::ranges::is_sorted(*list));
        for (const std::string& path : *list) EXPECT_TRUE(path.starts_with("/proc/") || path.starts_with("/sys")) << path;
    }
    EXPECT_TRUE(std::ranges::count(plan.masked, "/proc/kcore"));
    EXPECT_FALSE(std::ranges::count(plan.masked, "/proc/pressure"));
}

TEST(Syscalls, ProfilesAndNamesAreChecked)
{
    machine::Spec spec = boot_spec();
    spec.security.syscall_profile = "strict";
    EXPECT_EQ(plan_security(spec, Interfaces::Own).error().text, "'strict' is no profile of system calls: default or none");
    spec.security.syscall_profile = "none";
    EXPECT_EQ(plan_security(spec, Interfaces::Own)->syscalls.profile, SyscallProfile::None);
    spec.security.syscalls_deny = {"mount"};
    EXPECT_FALSE(plan_security(spec, Interfaces::Own));
    spec.security.syscall_profile = "default";
    EXPECT_TRUE(plan_security(spec, Interfaces::Own));
    spec.security.syscalls_allow = {"@32-bit"};
    EXPECT_TRUE(plan_security(spec, Interfaces::Own));
    spec.security.syscalls_deny = {"@32-bit"};
    EXPECT_FALSE(plan_security(spec, Interfaces::Own));
}

TEST(Parameters, OnlyThoseOfTheMachinesOwnNamespaces)
{
    machine::Spec spec = boot_spec();
    spec.security.sysctl = {{"net.core.somaxconn", "1024"}, {"kernel.shmmax", "1"}, {"fs.mqueue.msg_max", "10"}};
    auto plan = plan_security(spec, Interfaces::Own);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->sysctls.at("net/core/somaxconn"), "1024");
    EXPECT_EQ(plan->sysctls.size(), 3U);
    EXPECT_FALSE(plan_security(spec, Interfaces::OfTheHost)) << "net.* is the host's";
    for (const char* name : {"kernel.core_pattern", "vm.overcommit_memory", "kernel.panic", "fs.file-max", "user.max_user_namespaces"}) {
        spec.security.sysctl = {{name, "1"}};
        auto refused = plan_security(spec, Interfaces::Own);
        ASSERT_FALSE(refused) << name;
        EXPECT_NE(refused.error().text.find(name), std::string::npos) << refused.error().text;
    }
}

}  // namespace
}  // namespace holm::security
