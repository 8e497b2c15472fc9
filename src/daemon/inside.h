// Inside: what holmd takes from within a machine that runs, in a child with a deadline: all of it is the guest's, which may make it
// hang or lie. Effects: a process that reads through, or joins, the machine's namespaces.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/machine_entry.h"
#include "daemon/worker.h"

namespace holm::daemon {

inline constexpr std::chrono::seconds inside_deadline{5};

// The machine's PID 1. A pid that has come to be another's is found out: that one is in another cgroup, or the first is gone.
struct Leader {
    pid_t pid = 0;
    std::string control_group;

    Result<Fd> open() const;       // a pidfd
    Result<Fd> open_root() const;  // O_PATH, with all that is mounted there
};
Leader leader_of(const MachineEntry& machine);

struct GuestTerminal {
    Fd master;
    std::string path;  // of the slave, inside
};

using OsReleaseRead = std::move_only_function<void(Result<std::map<std::string, std::string>>)>;
using TerminalOpened = std::move_only_function<void(Result<GuestTerminal>)>;

// /etc/os-release or /usr/lib/os-release of the machine, resolved within its root.
std::unique_ptr<Worker> start_reading_os_release(systemd::Loop& loop, const MachineEntry& machine, OsReleaseRead done);
// A new pseudo terminal of the machine's own devpts, with nobody at its slave.
std::unique_ptr<Worker> start_opening_terminal(systemd::Loop& loop, const MachineEntry& machine, TerminalOpened done);

}  // namespace holm::daemon
