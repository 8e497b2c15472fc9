#include "security/apply.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/fd.h"
#include "kernel/capability.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "kernel/seccomp.h"
#include "security/capability_set.h"

namespace holm::security {

namespace {

using kernel::Links;
using kernel::Subtree;

struct Resource {
    std::string_view name;
    __rlimit_resource number;
};
constexpr Resource resources[] = {
    {"AS", RLIMIT_AS},           {"CORE", RLIMIT_CORE},         {"CPU", RLIMIT_CPU},
    {"DATA", RLIMIT_DATA},       {"FSIZE", RLIMIT_FSIZE},       {"LOCKS", RLIMIT_LOCKS},
    {"MEMLOCK", RLIMIT_MEMLOCK}, {"MSGQUEUE", RLIMIT_MSGQUEUE}, {"NICE", RLIMIT_NICE},
    {"NOFILE", RLIMIT_NOFILE},   {"NPROC", RLIMIT_NPROC},       {"RSS", RLIMIT_RSS},
    {"RTPRIO", RLIMIT_RTPRIO},   {"RTTIME", RLIMIT_RTTIME},     {"SIGPENDING", RLIMIT_SIGPENDING},
    {"STACK", RLIMIT_STACK},
};

// Without CAP_SYS_RESOURCE (a container as the host) a hard limit can only be lowered.
Result<bool> set_limit(pid_t pid, const Resource& resource, rlimit wanted)
{
    if (!::prlimit(pid, resource.number, &wanted, nullptr)) return true;
    rlimit current;
    if (errno != EPERM || ::prlimit(pid, resource.number, nullptr, &current)) return sys_error("cannot set the limit {}", resource.name);
    wanted.rlim_max = std::min(wanted.rlim_max, current.rlim_max);
    wanted.rlim_cur = std::min(wanted.rlim_cur, wanted.rlim_max);
    if (::prlimit(pid, resource.number, &wanted, nullptr)) return sys_error("cannot set the limit {}", resource.name);
    return false;
}

// A file of one of the two file systems: its descriptor stands for the mount, so that no path of the machine's root is used.
struct Located {
    int file_system;
    std::string_view below;
};
Result<Located> locate(const Covers& covers, std::string_view path)
{
    for (auto [prefix, file_system] : {std::pair(std::string_view("/proc"), covers.proc), {std::string_view("/sys"), covers.sys}})
        if (path == prefix || (path.starts_with(prefix) && path[prefix.size()] == '/'))
            return Located{file_system, path.substr(prefix.size())};
    return error(Errc::Invalid, "'{}' is not below /proc or /sys", path);
}

// Empty where the kernel has no such file.
Result<Fd> open_covered(const Covers& covers, const std::string& path)
{
    Located located = TRY(locate(covers, path));
    auto file = kernel::open_in_root(located.file_system, located.below, O_PATH, Links::Refuse);
    if (!file && file.error().sys_errno == ENOENT) return Fd();
    return file;
}

Result<> mask(const Covers& covers, const std::string& path)
{
    Fd target = TRY(open_covered(covers, path));
    if (!target) return {};
    struct stat status;
    if (::fstat(target.get(), &status)) return sys_error("cannot look at it");
    Fd cover = TRY(kernel::clone_mount(S_ISDIR(status.st_mode) ? covers.empty_folder : covers.masked_file, Subtree::Alone));
    TRY(kernel::change_mount(cover.get(), {.attributes = MOUNT_ATTR_RDONLY | kernel::no_suid_dev_exec}));
    return kernel::attach_mount(cover.get(), target.get());
}

Result<> make_read_only(const Covers& covers, const std::string& path)
{
    Located located = TRY(locate(covers, path));
    if (located.below.empty()) return kernel::change_mount(located.file_system, {.attributes = MOUNT_ATTR_RDONLY});
    Fd target = TRY(open_covered(covers, path));
    if (!target) return {};
    Fd bind = TRY(kernel::clone_mount(target.get(), Subtree::WithMountsBelow));
    TRY(kernel::change_mount(bind.get(), {.attributes = MOUNT_ATTR_RDONLY | kernel::no_suid_dev_exec}));
    return kernel::attach_mount(bind.get(), target.get());
}

// A bind that was made before its surroundings became read-only, and is attached after.
struct Writable {
    const std::string& path;
    Fd bind;
};
Result<std::vector<Writable>> keep_writable(const Plan& plan, const Covers& covers)
{
    std::vector<Writable> kept;
    for (auto& path : plan.writable) {
        Fd file = TRY(open_covered(covers, path), path);
        if (!file) continue;
        Fd mount = TRY(kernel::clone_mount(file.get(), Subtree::Alone), path);
        kept.push_back({path, std::move(mount)});
    }
    return kept;
}

// The keys of who started the machine are not the machine's. A kernel without keyrings has none to leave.
Result<> leave_session_keyring()
{
    if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM && errno != EDQUOT)
        return sys_error("cannot make a session keyring");
    return {};
}

// seccomp(2) wants either of the two, so that a set-user-id program cannot be led astray.
uint64_t loader_capability(const Plan& plan)
{
    return plan.no_new_privileges || plan.syscalls.filter.empty() ? 0 : capability_bit(CAP_SYS_ADMIN);
}

}  // namespace

Result<FilterPrograms> read_filter(const Plan& plan)
{
    if (plan.syscalls.filter.empty()) return FilterPrograms{};
    const std::string content = TRY(read_regular_file(plan.syscalls.filter, max_filter_file));
    FilterFile file = TRY(parse_filter_file(content), fmt::format("'{}'", plan.syscalls.filter));
    return std::move(file.programs);
}

Result<std::vector<std::string>> apply_limits(const Plan& plan, pid_t pid)
{
    std::vector<std::string> warnings;
    const auto none = decltype(plan.rlimits)();
    for (auto& [name, limits] : plan.runtime.empty() ? plan.rlimits : none) {  // of a sandbox: its own programs
        auto resource = std::find_if(std::begin(resources), std::end(resources), [&](const Resource& one) { return one.name == name; });
        if (resource == std::end(resources)) return error(Errc::Invalid, "there is no limit '{}'", name);
        static_assert(RLIM_INFINITY == UINT64_MAX);
        if (!TRY(set_limit(pid, *resource, {limits.first, limits.second})))
            warnings.push_back(fmt::format("the limit {} is lower than asked: this host does not let it be raised", name));
    }
    auto scored = write_value(fmt::format("/proc/{}/oom_score_adj", pid), fmt::format("{}", plan.oom_score_adjust.value_or(0)));
    if (!scored && plan.oom_score_adjust) warnings.push_back(scored.error().text);
    return warnings;
}

Result<> cover_kernel_files(const Plan& plan, const Covers& covers)
{
    for (auto& path : plan.masked) TRY(mask(covers, path), fmt::format("cannot mask '{}'", path));
    std::vector<Writable> kept = TRY(keep_writable(plan, covers));
    for (auto& path : plan.read_only) TRY(make_read_only(covers, path), fmt::format("cannot make '{}' read-only", path));
    for (auto& [path, bind] : kept) {
        Fd target = TRY(open_covered(covers, path), path);
        TRY(kernel::attach_mount(bind.get(), target.get()), path);
    }
    return {};
}

Result<> drop_privileges(const Plan& plan, const kernel::User& user)
{
    TRY(leave_session_keyring());
    if (plan.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return sys_error("cannot set no_new_privs");
    TRY(kernel::bound_capabilities(plan.capabilities));
    uint64_t lent = loader_capability(plan);
    if (lent && ::prctl(PR_SET_KEEPCAPS, 1)) return sys_error("cannot keep capabilities");
    TRY(kernel::become_user(user));
    uint64_t held = TRY(kernel::get_capabilities()).permitted;  // without a user namespace the host itself may lack some
    uint64_t kept = user.uid == 0 ? plan.capabilities & held : 0;
    return kernel::set_capabilities({.effective = kept, .permitted = kept | (lent & held), .inheritable = 0});
}

Result<> apply_filter(const Plan& plan, const FilterPrograms& filter)
{
    if (filter.empty()) return {};
    const kernel::CapabilitySets before = TRY(kernel::get_capabilities());
    if (before.permitted != before.effective) TRY(kernel::raise_permitted_capabilities());
    auto log = plan.syscalls.log ? kernel::LogRefused::Yes : kernel::LogRefused::No;
    for (auto& program : filter) TRY(kernel::load_filter(program, log));
    if (before.permitted == before.effective) return {};
    return kernel::set_capabilities({.effective = before.effective, .permitted = before.effective, .inheritable = 0});
}

}  // namespace holm::security
