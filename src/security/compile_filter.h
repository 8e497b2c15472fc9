// Filters of system calls made by libseccomp, and their files. Applies; outside, in programs that are linked dynamically.
#pragma once

#include <string>

#include "base/error.h"
#include "security/filter.h"
#include "security/filter_file.h"

namespace holm::security {

// Calls that this libseccomp has no number of are left out: the kernel's answer to them is ENOSYS.
Result<FilterPrograms> compile_filter(const Filter& filter);

// Sets up libcrypto, which reads its configuration at its first use: for who forks children that call filter_path.
void load_digests();

// Where the compiled filter of `plan` lies below `folder`: a name of what it lets through, and of the libseccomp that makes it. "" for a
// plan without a filter. Errors: as plan_filter.
Result<std::string> filter_path(const Plan& plan, const std::string& folder);

// Makes the file at `path`, with its folder, unless a whole one is there; none for "".
Result<> provide_filter(const Plan& plan, const std::string& path);

}  // namespace holm::security
