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

// The same by steps. The project of a file or folder; 0: none. Errors: NotSupported.
Result<uint32_t> project_of(int file);
// A number that nobody has on the file system. Errors: NotSupported, with what to do about it.
Result<uint32_t> draw_project(int folder);
// A file counts for the project from now on; a folder with all that is made in it.
Result<> set_project(int file, uint32_t project);
Result<> limit_project(int folder, uint32_t project, uint64_t bytes);

// The bytes that the project of a folder takes. Errors: NotSupported.
Result<uint64_t> used_by_project(int folder, uint32_t project);

// No limit any more: of a folder that is about to go.
void forget_project(int folder, uint32_t project);

}  // namespace holm::kernel
