// The privileges of a payload, resolved: capability sets, masks, limits. A value; plan_security is pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"

namespace holm::security {

// Whose network interfaces the machine sees.
enum class Interfaces { Own, OfTheHost };

enum class SyscallProfile { Default, None };

// What of system calls is answered by the kernel; security/filter has the whole of it.
struct Syscalls {
    SyscallProfile profile = SyscallProfile::Default;
    std::vector<std::string> allow, deny;  // names, and "@GROUP"
    bool log = false;                      // what is refused is said in the kernel's log
    std::string filter;                    // file of the compiled filter; "": none
    bool operator==(const Syscalls&) const = default;
};

// Bytes that a program may lock in memory unless the definition says otherwise, as getrlimit(2) RLIMIT_MEMLOCK.
inline constexpr uint64_t default_locked_memory = 65536;

struct Plan {
    uint64_t capabilities = 0;  // bounding set, and permitted and effective of a payload that runs as root; bit = number
    bool no_new_privileges = false;
    bool nesting = false;  // machines and containers inside it
    Syscalls syscalls;
    std::map<std::string, std::pair<uint64_t, uint64_t>> rlimits;  // "NOFILE" -> soft, hard; UINT64_MAX = infinity
    std::optional<int> oom_score_adjust;
    std::map<std::string, std::string> sysctls;  // "net/core/somaxconn" -> value: of the machine's own namespaces alone
    std::vector<std::string> masked;             // below /proc and /sys: covered, nothing to read
    std::vector<std::string> read_only;          // below /proc and /sys: read-only
    std::vector<std::string> writable;           // below a read-only one, and yet left as it is: /proc/sys/net of an own network namespace
    std::optional<std::chrono::nanoseconds> boottime_offset, monotonic_offset;  // either: a time namespace
    std::string apparmor, selinux;  // the profile, the context of every program that is started from outside; "": as holm's own
    std::string runtime;            // program of the OCI runtime that runs the payload in a sandbox; "": none does
    bool own_profile = false;       // the profile is the machine's own, made for this start
    bool operator==(const Plan&) const = default;
};

// The privileges that the spec asks for. What is listed in masked, read_only and writable need not exist on every kernel.
// Errors: Invalid (an unknown capability or call), with the key and where it was written.
Result<Plan> plan_security(const machine::Spec& spec, Interfaces interfaces);

}  // namespace holm::security
