// Id map: which ids of the host a user namespace has, and on whose behalf files are made. Effects; outside.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// Maps the ids 0 … count-1 of the user namespace that process `pid` has made to base … base+count-1 here, for users and groups.
// setgroups(2) stays allowed in it: written by root of the parent namespace, the map needs no "deny" (user_namespaces(7)).
Result<> write_id_maps(pid_t pid, uint32_t base, uint32_t count);

// From here on this process makes files as user and group `id` (fsuid and fsgid), with all its capabilities: leaving fsuid 0 drops those
// over files from the effective set (capabilities(7)), so they are raised again. For the rest of the process's life.
Result<> act_on_files_as(uint32_t id);

}  // namespace holm::kernel
