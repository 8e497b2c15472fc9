// Cgroup: folders of cgroup v2 by descriptor (Documentation/admin-guide/cgroup-v2.rst). Effects: reads and writes cgroupfs; outside.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// The cgroup of this process: "/machine.slice/holm-web.scope", the `0::` line of /proc/self/cgroup.
Result<std::string> own_cgroup();
// The folder where cgroup v2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a hybrid host. Errors: NotFound.
Result<std::string> cgroup_mount();

// The folder of a cgroup: "/sys/fs/cgroup" + path.
Result<Fd> open_cgroup(const std::string& folder);
// The cgroup `name` below another, made where missing.
Result<Fd> make_cgroup(int parent, const std::string& name);
// Removes the cgroup `name`, with all below it. Errors: Busy while a process is in it.
Result<> remove_cgroup(int parent, const std::string& name);

// One file of a cgroup's folder.
Result<std::string> read_cgroup(int cgroup, const std::string& file);
Result<> write_cgroup(int cgroup, const std::string& file, std::string_view value);

// Moves a process into it; 0: this one.
Result<> enter_cgroup(int cgroup, pid_t pid = 0);
// Enables for the children of `cgroup` every controller that it has. No process may be in it.
Result<> enable_controllers(int cgroup);
// Gives a cgroup to `user`: the folder and the files that the kernel lists as delegatable (/sys/kernel/cgroup/delegate).
Result<> delegate_cgroup(int cgroup, uint32_t user);

enum class Freeze { Frozen, Thawed };
// Asks for it; cgroup.events says when it is done.
Result<> freeze_cgroup(int cgroup, Freeze state);
// Ends every process in and below it (5.14).
Result<> kill_cgroup(int cgroup);

// One value of a file of "KEY VALUE" lines (cgroup.events, memory.events); 0 where absent.
Result<uint64_t> read_cgroup_event(int cgroup, const std::string& file, std::string_view key);

}  // namespace holm::kernel
