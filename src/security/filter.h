// Which system calls a payload may make. A value; plan_filter is pure, compile_filter makes programs of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "security/plan.h"
#include "security/syscall_groups.h"

namespace holm::security {

// Holds where the masked argument has that value. Of 32 bits: the checked calls look at no more, and a comparison of all 64 lets the same
// call through with a bit set above.
struct Condition {
    unsigned argument = 0;
    uint32_t mask = UINT32_MAX;
    uint32_t value = 0;
    bool operator==(const Condition&) const = default;
};

// What a call is answered that meets all conditions.
struct Check {
    std::string syscall;
    std::vector<Condition> conditions;
    int answer = 0;  // errno; 0: nothing against it
    bool operator==(const Check&) const = default;
};

// A known call that is not allowed is answered EPERM, one that this version does not know ENOSYS, and so are all of a foreign ABI.
struct Filter {
    SyscallNames allowed;
    std::vector<Check> checks;   // of allowed calls; of each call the first that holds
    bool secondary_abi = false;  // "@32-bit": the 32-bit ABI of the host's architecture too
    bool operator==(const Filter&) const = default;
};

// The name that stands in a list for the calls of a 32-bit program.
inline constexpr const char* secondary_abi_name = "@32-bit";

// Of plan.syscalls, capabilities and nesting. Errors: Invalid (an unknown call or group). Precondition: a profile other than None.
Result<Filter> plan_filter(const Plan& plan);

// "@all" in a list of denied calls: every one that is not in the list of allowed ones, but for those with which holm starts a program.
inline constexpr const char* all_calls_name = "@all";

// The whole of it as text, the same for equal ones.
std::string describe_filter(const Filter& filter);

}  // namespace holm::security
