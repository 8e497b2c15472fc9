// The privileges of a payload: limits that only the host may set, what is covered of /proc and /sys, and what the payload gives up.
// Applies; each function says where.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/users.h"
#include "security/filter_file.h"
#include "security/plan.h"

namespace holm::security {

// Outside, to a process that waits: rlimits and the OOM score, both inherited by all that it starts. What this host does not allow
// (a hard limit above its own) comes as near as it does, with a sentence of the answer.
Result<std::vector<std::string>> apply_limits(const Plan& plan, pid_t pid);

// Descriptors of mounts of ours: /proc and /sys of the machine, and what to cover with: a file that may not be opened, and a folder that is
// empty rather than closed, as who probes for hardware takes that for "none".
struct Covers {
    int proc = -1, sys = -1;
    int masked_file = -1, empty_folder = -1;
};
// Outside, on the two where they are attached: masks and makes read-only; the copy of it is locked inside. What this kernel does not have
// is passed over.
Result<> cover_kernel_files(const Plan& plan, const Covers& covers);

// Outside: the filter that the plan names; none for a plan without.
Result<FilterPrograms> read_filter(const Plan& plan);

// Inside, last but for the filter and the command: a session keyring of its own, no_new_privs, the bounding set, the user, the other four
// sets. The user root keeps plan.capabilities, any other has none. Nothing after this may need a privilege.
Result<> drop_privileges(const Plan& plan, const kernel::User& user);

// Inside, after drop_privileges, which leaves permitted what this needs: loads the filter, and drops that.
Result<> apply_filter(const Plan& plan, const FilterPrograms& filter);

}  // namespace holm::security
