#include "security/plan.h"

#include <linux/capability.h>

#include <algorithm>

#include "base/text.h"
#include "security/capability_set.h"
#include "security/filter.h"
#include "security/profile.h"
#include "security/syscall_groups.h"

namespace holm::security {

namespace {

// What other runtimes mask, together: Docker, Podman, nspawn; and what shows the host's memory and hardware.
// kmsg and the page maps need capabilities that no machine has over the host; masking keeps that from being the only gate.
constexpr const char* masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/modules",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/vmallocinfo",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
};
constexpr const char* read_only_paths[] = {"/proc/apm", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/sys"};

// Where Linux starts, or less: no core dumps of a guest through the host's core_pattern unless its programs ask for them.
// Nothing here raises a limit, which an inner host without CAP_SYS_RESOURCE could not.
std::map<std::string, std::pair<uint64_t, uint64_t>> default_rlimits()
{
    return {{"CORE", {0, UINT64_MAX}}, {"MEMLOCK", {default_locked_memory, default_locked_memory}}, {"MSGQUEUE", {819200, 819200}}};
}

Result<uint64_t> parse_set(const machine::Spec& spec, const std::vector<std::string>& list, std::string_view key)
{
    uint64_t set = 0;
    for (size_t i = 0; i < list.size(); ++i) {
        Result<uint64_t> bit = parse_capability_bit(list[i]);
        if (!bit) return error(Errc::Invalid, "{}{}", bit.error().text, describe_origin(spec, fmt::format("{}[{}]", key, i)));
        set |= *bit;
    }
    return set;
}

Result<> check_syscalls(const machine::Spec& spec, const std::vector<std::string>& list, std::string_view key)
{
    for (size_t i = 0; i < list.size(); ++i) {
        if (list[i] == secondary_abi_name && key.ends_with("allow")) continue;
        if (list[i] == all_calls_name && key.ends_with("deny")) continue;
        if (auto known = expand_syscall(list[i]); !known)
            return error(Errc::Invalid, "{}{}", known.error().text, describe_origin(spec, fmt::format("{}[{}]", key, i)));
    }
    return {};
}

Result<Syscalls> plan_syscalls(const machine::Spec& spec)
{
    const machine::SecuritySpec& asked = spec.security;
    Syscalls syscalls{.allow = asked.syscalls_allow, .deny = asked.syscalls_deny, .log = asked.syscalls_log, .filter = {}};
    if (asked.syscall_profile != "default" && asked.syscall_profile != "none")
        return error(Errc::Invalid, "'{}' is no profile of system calls: default or none{}", printable(asked.syscall_profile, 80),
                     describe_origin(spec, "security.syscalls.profile"));
    if (asked.syscall_profile == "none") {
        if (!asked.syscalls_allow.empty() || !asked.syscalls_deny.empty() || asked.syscalls_log)
            return error(Errc::Invalid, "the profile 'none' of system calls has no allow, deny and log{}",
                         describe_origin(spec, "security.syscalls.profile"));
        syscalls.profile = SyscallProfile::None;
    }
    TRY(check_syscalls(spec, syscalls.allow, "security.syscalls.allow"));
    TRY(check_syscalls(spec, syscalls.deny, "security.syscalls.deny"));
    return syscalls;
}

Result<uint64_t> plan_capabilities(const machine::Spec& spec, Interfaces interfaces)
{
    uint64_t set = machine::boots(spec.payload) ? boot_capabilities : command_capabilities;
    if (interfaces == Interfaces::OfTheHost) set &= ~capability_bit(CAP_NET_ADMIN);  // the host's interfaces are not the machine's
    uint64_t add = TRY(parse_set(spec, spec.security.capabilities_add, "security.capabilities.add"));
    uint64_t drop = TRY(parse_set(spec, spec.security.capabilities_drop, "security.capabilities.drop"));
    return (set | add) & ~drop;
}

// Those of ipc_namespaces(7), and of uts_namespaces(7) what sethostname(2) is not for; net/ is by itself what its namespace has.
constexpr std::string_view namespaced_parameters[] = {
    "kernel.auto_msgmni",     "kernel.domainname", "kernel.msg_next_id", "kernel.msgmax", "kernel.msgmnb",
    "kernel.msgmni",          "kernel.sem",        "kernel.sem_next_id", "kernel.shmall", "kernel.shm_next_id",
    "kernel.shm_rmid_forced", "kernel.shmmax",     "kernel.shmmni",
};

Result<std::string> parameter_path(const std::string& name, Interfaces interfaces)
{
    bool of_network = name.starts_with("net.");
    if (of_network && interfaces == Interfaces::OfTheHost)
        return error(Errc::Invalid, "the kernel parameter '{}' is the host's, whose network the machine has", name);
    bool namespaced =
        of_network || name.starts_with("fs.mqueue.") || std::ranges::find(namespaced_parameters, name) != std::end(namespaced_parameters);
    if (!namespaced)
        return error(Errc::Invalid,
                     "the kernel parameter '{}' is not the machine's own: only net.*, fs.mqueue.* and kernel.msg*, sem*, shm* are{}", name,
                     did_you_mean(name, namespaced_parameters));
    std::string path = name;
    std::ranges::replace(path, '.', '/');
    return path;
}

Result<std::map<std::string, std::string>> plan_sysctls(const machine::Spec& spec, Interfaces interfaces)
{
    std::map<std::string, std::string> sysctls;
    for (const auto& [name, value] : spec.security.sysctl) {
        auto path = parameter_path(name, interfaces);
        if (!path) return error(Errc::Invalid, "{}{}", path.error().text, describe_origin(spec, "security.sysctl." + name));
        sysctls[*path] = value;
    }
    return sysctls;
}

}  // namespace

Result<Plan> plan_security(const machine::Spec& spec, Interfaces interfaces)
{
    Plan plan;
    plan.capabilities = TRY(plan_capabilities(spec, interfaces));
    plan.no_new_privileges = spec.security.no_new_privileges.value_or(!machine::boots(spec.payload));
    plan.syscalls = TRY(plan_syscalls(spec));
    if (!machine::runtime_of(spec.security).empty()) plan.syscalls.profile = SyscallProfile::None;  // the sandbox answers them
    plan.nesting = spec.security.nesting;
    plan.sysctls = TRY(plan_sysctls(spec, interfaces));
    plan.rlimits = default_rlimits();
    for (const auto& [name, limits] : spec.security.rlimits) plan.rlimits[name] = limits;
    plan.oom_score_adjust = spec.security.oom_score_adjust;
    plan.masked.assign(std::begin(masked_paths), std::end(masked_paths));
    plan.read_only.assign(std::begin(read_only_paths), std::end(read_only_paths));
    if (interfaces == Interfaces::Own) plan.writable = {"/proc/sys/net"};
    plan.boottime_offset = spec.security.boottime_offset;
    plan.monotonic_offset = spec.security.monotonic_offset;
    plan.own_profile = spec.security.apparmor == generated_profile;
    plan.apparmor = plan.own_profile ? profile_name(spec.name) : spec.security.apparmor;
    plan.selinux = spec.security.selinux;
    return plan;
}

}  // namespace holm::security
