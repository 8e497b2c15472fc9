// Which system calls a payload may make: by its capabilities, and by what its definition adds and takes away.
#include "security/filter.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "security/capability_set.h"
#include "security/filter_file.h"

namespace holm::security {
namespace {

Filter filter_of(uint64_t capabilities, std::vector<std::string> allow = {}, std::vector<std::string> deny = {})
{
    Plan plan{.capabilities = capabilities};
    plan.syscalls.allow = std::move(allow), plan.syscalls.deny = std::move(deny);
    auto filter = plan_filter(plan);
    EXPECT_TRUE(filter) << filter.error().text;
    return filter ? *filter : Filter{};
}

TEST(Filter, NobodyHasWhatReachesDeepIntoTheKernel)
{
    for (uint64_t capabilities : {boot_capabilities, command_capabilities}) {
        Filter filter = filter_of(capabilities);
        for (const char* name : {"bpf", "io_uring_setup", "io_uring_enter", "userfaultfd", "perf_event_open", "open_by_handle_at", "keyctl",
                                 "add_key", "kexec_load", "init_module", "quotactl", "process_vm_readv", "swapon", "modify_ldt",
                                 "fanotify_init", "lookup_dcookie", "iopl", "settimeofday", "remap_file_pages"})
            EXPECT_FALSE(filter.allowed.contains(name)) << name;
        for (const char* name : {"execve", "clone3", "openat2", "name_to_handle_at", "rseq", "setresuid", "capset", "seccomp"})
            EXPECT_TRUE(filter.allowed.contains(name)) << name;
    }
}

TEST(Filter, ACapabilityBringsTheCallsThatItIsFor)
{
    Filter boots = filter_of(boot_capabilities), command = filter_of(command_capabilities);
    for (const char* name :
         {"mount", "pivot_root", "setns", "unshare", "ptrace", "reboot", "sethostname", "vhangup", "move_pages", "migrate_pages"}) {
        EXPECT_TRUE(boots.allowed.contains(name)) << name;
        EXPECT_FALSE(command.allowed.contains(name)) << name;
    }
    EXPECT_TRUE(command.allowed.contains("chroot"));
    EXPECT_TRUE(filter_of(capability_bit(CAP_SYS_TIME)).allowed.contains("clock_settime"));
    EXPECT_TRUE(std::ranges::includes(boots.allowed, command.allowed)) << "a command has no call that a system has not";
}

TEST(Filter, LockedMemoryIsForThoseWhoMayLockSome)
{
    EXPECT_FALSE(filter_of(boot_capabilities).allowed.contains("mlock"));
    EXPECT_TRUE(filter_of(capability_bit(CAP_IPC_LOCK)).allowed.contains("mlock"));
    Plan plan{.rlimits = {{"MEMLOCK", {default_locked_memory, default_locked_memory}}}};
    EXPECT_FALSE(plan_filter(plan)->allowed.contains("mlockall"));
    plan.rlimits["MEMLOCK"].first = 1 << 20;
    EXPECT_TRUE(plan_filter(plan)->allowed.contains("mlockall"));
}

TEST(Filter, LandlockIsThereForWhoNamesIt)
{
    auto answer = [](const Filter& filter) {
        auto check = std::ranges::find(filter.checks, "landlock_create_ruleset", &Check::syscall);
        return check == filter.checks.end() ? 0 : check->answer;
    };
    EXPECT_EQ(answer(filter_of(boot_capabilities)), ENOSYS);
    EXPECT_EQ(answer(filter_of(boot_capabilities, {"landlock_create_ruleset"})), 0);
}

TEST(Filter, TheDefinitionAddsAndTakesAway)
{
    Filter filter = filter_of(command_capabilities, {"ptrace", "@keyring"}, {"@chown", "ptrace"});
    EXPECT_TRUE(filter.allowed.contains("keyctl"));
    EXPECT_FALSE(filter.allowed.contains("fchownat"));
    EXPECT_FALSE(filter.allowed.contains("ptrace")) << "deny wins";
    EXPECT_FALSE(filter.secondary_abi);
    EXPECT_TRUE(filter_of(0, {"@32-bit"}).secondary_abi);
    auto has_check = [](const Filter& one, const char* name) {
        return std::ranges::any_of(one.checks, [&](const Check& check) { return check.syscall == name; });
    };
    EXPECT_TRUE(has_check(filter, "socket"));
    EXPECT_FALSE(has_check(filter_of(command_capabilities, {"socket"}), "socket")) << "all of a call that is named";
    EXPECT_TRUE(has_check(filter_of(command_capabilities, {"@network-io"}), "socket"));
}

// What was recorded is all that there is, with what starts a program; and the conditions of what has some stay.
TEST(Filter, DenyingAllLeavesWhatIsNamed)
{
    const Filter filter = filter_of(boot_capabilities, {"read", "socket", "mount"}, {"@all", "mount"});
    EXPECT_EQ(filter.allowed,
              (SyscallNames{"capget", "capset", "execve", "exit_group", "read", "rt_sigreturn", "seccomp", "sendmsg", "socket"}));
    ASSERT_FALSE(filter.checks.empty());
    for (const Check& check : filter.checks) EXPECT_EQ(check.syscall, "socket");
    EXPECT_FALSE(filter.secondary_abi);
    EXPECT_TRUE(filter_of(0, {"@32-bit"}, {"@all"}).secondary_abi);
}

TEST(Filter, UnknownNamesAreRefusedWithTheNearest)
{
    Plan plan;
    plan.syscalls.deny = {"ptrase"};
    EXPECT_EQ(plan_filter(plan).error().text, "'ptrase' is no system call (did you mean 'ptrace'?)");
    plan.syscalls = {.allow = {"@keyrings"}};
    EXPECT_EQ(plan_filter(plan).error().text, "'@keyrings' is no group of system calls (did you mean '@keyring'?)");
}

TEST(Filter, PacketsAreOfTheirCapability)
{
    auto answer = [](const Filter& filter) {
        for (const Check& check : filter.checks)
            if (check.syscall == "socket" && check.conditions.size() == 1 && check.conditions[0].value == AF_PACKET) return check.answer;
        return -1;
    };
    EXPECT_EQ(answer(filter_of(command_capabilities)), EPERM);
    EXPECT_EQ(answer(filter_of(boot_capabilities)), 0);
}

TEST(Filter, EqualOnesReadTheSame)
{
    EXPECT_EQ(describe_filter(filter_of(boot_capabilities)), describe_filter(filter_of(boot_capabilities)));
    EXPECT_NE(describe_filter(filter_of(boot_capabilities)), describe_filter(filter_of(boot_capabilities, {}, {"mount"})));
}

TEST(FilterFile, ReadsBackAndRefusesWhatIsNotWhole)
{
    const FilterPrograms programs = {{{6, 0, 0, 0x7fff0000}}, {{32, 0, 0, 4}, {6, 0, 0, 0}}};
    const std::string content = encode_filter_file(std::string(32, 'd'), encode_programs(programs));
    auto file = parse_filter_file(content);
    ASSERT_TRUE(file) << file.error().text;
    EXPECT_EQ(file->digest, std::string(32, 'd'));
    ASSERT_EQ(file->programs.size(), 2U);
    EXPECT_EQ(file->programs[1].size(), 2U);
    EXPECT_EQ(file->programs[1][1].code, 6);
    for (size_t size = 0; size < content.size(); ++size) {
        bool end_of_first = size == content.size() - 4 - 2 * sizeof(sock_filter);
        EXPECT_EQ(bool(parse_filter_file(content.substr(0, size))), end_of_first) << size;
    }
}

}  // namespace
}  // namespace holm::security
