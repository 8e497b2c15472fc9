#include "security/filter.h"

#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "security/capability_set.h"

namespace holm::security {

namespace {

// What every program may: systemd-nspawn's list without io_uring, userfaultfd and locked memory (which is for those that may lock some),
// and what is younger and as harmless.
constexpr std::string_view of_all[] = {
    "@basic-io",
    "@chown",
    "@default",
    "@file-system",
    "@io-event",
    "@ipc",
    "@network-io",
    "@process",
    "@resources",
    "@setuid",
    "@signal",
    "@sync",
    "@timer",
    "arm_fadvise64_64",
    "cachestat",
    "capset",
    "copy_file_range",
    "fadvise64",
    "fadvise64_64",
    "flock",
    "futex_requeue",
    "futex_wait",
    "futex_wake",
    "get_mempolicy",
    "getcpu",
    "getpriority",
    "getxattrat",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
    "ioctl",
    "ioprio_get",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "listxattrat",
    "madvise",
    "map_shadow_stack",
    "mincore",
    "mremap",
    "mseal",
    "name_to_handle_at",
    "oldolduname",
    "olduname",
    "personality",
    "process_mrelease",
    "readahead",
    "readdir",
    "removexattrat",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_rr_get_interval_time64",
    "seccomp",
    "sendfile",
    "sendfile64",
    "setfsgid",
    "setfsgid32",
    "setfsuid",
    "setfsuid32",
    "setpgid",
    "setsid",
    "setxattrat",
    "splice",
    "sysinfo",
    "tee",
    "umask",
    "uname",
    "vmsplice",
};

// Reading and writing another process without stopping it: no program of a distribution needs it, and ptrace(2) is there.
constexpr std::string_view of_none[] = {"process_vm_readv", "process_vm_writev", "userfaultfd",
                                        "remap_file_pages", "migrate_pages",     "move_pages"};

constexpr std::pair<int, std::string_view> of_capabilities[] = {
    {CAP_SYS_ADMIN, "@mount"},      {CAP_SYS_ADMIN, "listmount"}, {CAP_SYS_ADMIN, "open_tree_attr"}, {CAP_SYS_ADMIN, "setdomainname"},
    {CAP_SYS_ADMIN, "sethostname"}, {CAP_SYS_ADMIN, "statmount"}, {CAP_SYS_BOOT, "reboot"},          {CAP_IPC_LOCK, "@memlock"},
    {CAP_SYS_CHROOT, "chroot"},     {CAP_SYS_MODULE, "@module"},  {CAP_SYS_PACCT, "acct"},           {CAP_SYS_PTRACE, "kcmp"},
    {CAP_SYS_PTRACE, "ptrace"},     {CAP_SYS_RAWIO, "@raw-io"},   {CAP_SYS_TIME, "@clock"},          {CAP_SYS_TTY_CONFIG, "vhangup"},
    {CAP_SYSLOG, "syslog"},         {CAP_SYS_NICE, "move_pages"}, {CAP_SYS_NICE, "migrate_pages"},
};

// A keyring is of the host's users, and keeps no secret of one machine from another of the same range.
constexpr std::string_view of_nesting[] = {"@keyring", "@mount", "setns", "unshare"};

constexpr uint32_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

bool has(const Plan& plan, int capability)
{
    return (plan.capabilities & capability_bit(capability)) != 0;
}

bool locks_memory(const Plan& plan)
{
    auto limit = plan.rlimits.find("MEMLOCK");
    return limit != plan.rlimits.end() && limit->second.first > default_locked_memory;
}

Result<> add(SyscallNames& names, std::string_view name)
{
    names.merge(TRY(expand_syscall(name)));
    return {};
}

Result<> remove(SyscallNames& names, std::string_view name)
{
    const SyscallNames removed = TRY(expand_syscall(name));
    for (const std::string& one : removed) names.erase(one);
    return {};
}

Result<SyscallNames> default_names(const Plan& plan)
{
    SyscallNames names;
    for (std::string_view name : of_all) TRY(add(names, name));
    for (std::string_view name : of_none) TRY(remove(names, name));
    names.erase("chroot");
    for (auto [capability, name] : of_capabilities)
        if (has(plan, capability)) TRY(add(names, name));
    if (locks_memory(plan)) TRY(add(names, "@memlock"));
    // An unprivileged user of a system may make namespaces; a command that has no use for them cannot reach the kernel's code behind them.
    if (!has(plan, CAP_SYS_ADMIN)) names.erase("unshare"), names.erase("setns");
    for (std::string_view name : of_nesting)
        if (plan.nesting) TRY(add(names, name));
    return names;
}

// Others are answered as by a kernel without them. NETLINK_AUDIT too: programs with PAM take that for "no audit here" and go on.
void add_sockets(const Plan& plan, std::vector<Check>& checks)
{
    const int packets = has(plan, CAP_NET_RAW) ? 0 : EPERM;
    checks.push_back({"socket", {{.argument = 0, .value = AF_NETLINK}, {.argument = 2, .value = NETLINK_AUDIT}}, EAFNOSUPPORT});
    for (uint32_t family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) checks.push_back({"socket", {{.argument = 0, .value = family}}, 0});
    checks.push_back({"socket", {{.argument = 0, .value = AF_PACKET}}, packets});
    checks.push_back({"socket", {}, EAFNOSUPPORT});
}

// 0:0 is the whiteout of overlayfs.
void add_devices(const Plan& plan, std::vector<Check>& checks)
{
    if (has(plan, CAP_MKNOD)) return;
    for (auto [name, mode] : {std::pair("mknod", 1u), {"mknodat", 2u}}) {
        checks.push_back({name, {{.argument = mode, .mask = S_IFMT, .value = S_IFCHR}, {.argument = mode + 1, .value = 0}}, 0});
        for (uint32_t kind : {S_IFCHR, S_IFBLK}) checks.push_back({name, {{.argument = mode, .mask = S_IFMT, .value = kind}}, EPERM});
    }
}

// Input that a terminal's other side would take for the user's own (CVE-2017-5226, CVE-2016-10124).
void add_terminals(std::vector<Check>& checks)
{
    for (uint32_t request : {TIOCSTI, TIOCLINUX}) checks.push_back({"ioctl", {{.argument = 1, .value = request}}, EPERM});
}

// What uname(2) says, and the question which it is: others change how memory is laid out.
void add_personalities(std::vector<Check>& checks)
{
    for (uint32_t kind :
         {uint32_t{PER_LINUX}, uint32_t{PER_LINUX32}, uint32_t{UNAME26}, uint32_t{PER_LINUX32} | uint32_t{UNAME26}, UINT32_MAX})
        checks.push_back({"personality", {{.argument = 0, .value = kind}}, 0});
    checks.push_back({"personality", {}, EPERM});
}

// clone3 has its flags in memory, where a filter cannot look: libc takes ENOSYS for "use clone".
void add_namespaces(const Plan& plan, std::vector<Check>& checks)
{
    if (has(plan, CAP_SYS_ADMIN) || plan.nesting) return;
    checks.push_back({"clone", {{.argument = 0, .mask = new_namespaces, .value = 0}}, 0});
    checks.push_back({"clone", {}, EPERM});
    checks.push_back({"clone3", {}, ENOSYS});
}

// systemd-nspawn grants it to nobody. Programs that would confine themselves take ENOSYS for "not by this kernel" and go on.
void add_landlock(std::vector<Check>& checks)
{
    checks.push_back({"landlock_create_ruleset", {}, ENOSYS});
}

std::vector<Check> default_checks(const Plan& plan)
{
    std::vector<Check> checks;
    add_sockets(plan, checks);
    add_devices(plan, checks);
    add_terminals(checks);
    add_personalities(checks);
    add_landlock(checks);
    add_namespaces(plan, checks);
    return checks;
}

// What holm-setup does between the filter and the program: load the rest of it, give up what that took, execute, or say why not.
constexpr const char* of_start[] = {"capget", "capset", "execve", "exit_group", "rt_sigreturn", "seccomp", "sendmsg"};

// Nothing is allowed but what is named; and of that, too, only what meets the conditions.
Result<Filter> plan_listed(const Plan& plan)
{
    Filter filter{.allowed = {}, .checks = default_checks(plan)};
    filter.allowed.insert(std::begin(of_start), std::end(of_start));
    for (const std::string& name : plan.syscalls.allow) {
        if (name == secondary_abi_name) filter.secondary_abi = true;
        else TRY(add(filter.allowed, name));
    }
    std::erase_if(filter.checks, [&](const Check& check) { return !filter.allowed.contains(check.syscall); });
    return filter;
}

Result<Filter> plan_default(const Plan& plan)
{
    Filter filter{.allowed = TRY(default_names(plan)), .checks = default_checks(plan)};
    for (const std::string& name : plan.syscalls.allow) {
        if (name == secondary_abi_name) {
            filter.secondary_abi = true;
            continue;
        }
        const SyscallNames allowed = TRY(expand_syscall(name));
        filter.allowed.insert(allowed.begin(), allowed.end());
        // Who names a call wants all of it; who names a group only what has no conditions.
        if (!name.starts_with('@')) std::erase_if(filter.checks, [&](const Check& check) { return check.syscall == name; });
    }
    return filter;
}

}  // namespace

Result<Filter> plan_filter(const Plan& plan)
{
    const bool listed = std::ranges::find(plan.syscalls.deny, all_calls_name) != plan.syscalls.deny.end();
    Filter filter = listed ? TRY(plan_listed(plan)) : TRY(plan_default(plan));
    for (const std::string& name : plan.syscalls.deny)
        if (name != all_calls_name) TRY(remove(filter.allowed, name));
    return filter;
}

std::string describe_filter(const Filter& filter)
{
    std::string text = filter.secondary_abi ? "abis all\n" : "abis native\n";
    for (const std::string& name : filter.allowed) text += fmt::format("allow {}\n", name);
    for (const Check& check : filter.checks) {
        text += fmt::format("check {}", check.syscall);
        for (const Condition& condition : check.conditions)
            text += fmt::format(" {}&{:#x}={:#x}", condition.argument, condition.mask, condition.value);
        text += fmt::format(" -> {}\n", check.answer);
    }
    return text;
}

}  // namespace holm::security
