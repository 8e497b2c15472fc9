// Id map: which ids of the host a user namespace has, and on whose behalf files are made. Effects; outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// Maps the ids 0 … count-1 of the user namespace that process `pid` has made to base … base+count-1 here, for users and groups.
// setgroups(2) stays allowed in it: written by root of the parent namespace, the map needs no "deny" (user_namespaces(7)).
Result<> write_id_maps(pid_t pid, uint32_t base, uint32_t count);

// A user namespace with these maps and no process: what a mount is id-mapped by. Each map is the content of uid_map or gid_map
// (user_namespaces(7)); its first number of a line is the id on disk, its second the one that is seen. For short-lived processes: the one
// that made it is not reaped.
Result<Fd> make_id_map(const std::string& users, const std::string& groups);

// From here on this process makes files as user and group `id` (fsuid and fsgid), with all its capabilities: leaving fsuid 0 drops those
// over files from the effective set (capabilities(7)), so they are raised again. For the rest of the process's life.
Result<> act_on_files_as(uint32_t id);

}  // namespace holm::kernel
