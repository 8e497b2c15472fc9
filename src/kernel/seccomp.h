// Seccomp: a filter of system calls for this process and all that it makes and executes (seccomp(2)). Effects.
#pragma once

#include <linux/filter.h>

#include <span>

#include "base/error.h"

namespace holm::kernel {

enum class LogRefused { No, Yes };

// Needs no_new_privs, or CAP_SYS_ADMIN in the user namespace.
Result<> load_filter(std::span<const sock_filter> program, LogRefused log);

}  // namespace holm::kernel
