// Project quota: how much a folder, with all that is made in it, may take of its file system (quotactl(2), FS_IOC_FSSETXATTR).
// Effects: sets a project and its limit; outside.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace holm::kernel {

// Gives an empty folder a project of its own, `bytes` for all of it, and tells its number. Errors: NotSupported, where the file system
// has no project quotas, with what to do about it.
Result<uint32_t> limit_folder(int folder, uint64_t bytes);

// The bytes that the project of a folder takes. Errors: NotSupported.
Result<uint64_t> used_by_project(int folder, uint32_t project);

// No limit any more: of a folder that is about to go.
void forget_project(int folder, uint32_t project);

}  // namespace holm::kernel
