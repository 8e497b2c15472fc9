// ProcessFacts: what /proc says of a process of the host. Reads; outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::daemon {

// Its cgroup of v2, "/machine.slice/holm-web.scope/payload". Errors: NotFound.
Result<std::string> cgroup_of(pid_t pid);
// Since when it is there: CLOCK_REALTIME in µs; 0 where it is gone.
uint64_t start_time_of(pid_t pid);

// The part of a cgroup up to and with the component `unit`; "" where it has none.
std::string_view cgroup_of_unit(std::string_view cgroup, std::string_view unit);
// The path of a slice's cgroup: "/machine.slice/machine-shop.slice" of "machine-shop.slice" (systemd.slice(5)).
std::string cgroup_of_slice(std::string_view slice);
// Whether any process is in or below this cgroup of a machine's unit.
bool is_populated(const std::string& cgroup);
// Known to have no process any more; of "" nothing is known.
bool is_gone(const std::string& cgroup);
// Whether all of it is held: by systemctl freeze, of which a supervisor, frozen too, can tell nothing.
bool is_frozen(const std::string& cgroup);

}  // namespace holm::daemon
