// Names of system calls and systemd's groups of them. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::security {

using SyscallNames = std::set<std::string, std::less<>>;

// The calls that a name stands for: of a call itself, of "@mount" and the like all of the group, groups in it resolved.
// Errors: Invalid, with the nearest name.
Result<SyscallNames> expand_syscall(std::string_view name);

}  // namespace holm::security
