// Record: which system calls processes of a machine make, watched by ptrace(2): it needs no log of the kernel's, and sees what runs
// already as well as what is to begin. Effects: a process of its own, in the host's namespaces, that slows down what it watches.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace holm::setup {

// What it writes at its end, to `report`: "processes N", "capabilities NAME…" of the payload, "refused NUMBER" and "call NUMBER COUNT" of
// the host's own architecture, "foreign COUNT" of another; a line each.
struct Recording {
    Fd report;
    uint64_t capabilities = 0;
};

// Watches a process that is yet to execute its program, and all that it makes: from that on every call counts, execve among them.
class CommandRecorder {
public:
    // Before this process joins any namespace.
    static Result<CommandRecorder> start(Recording recording);
    // `command` waits to be told to go on.
    Result<> watch(pid_t command);

private:
    explicit CommandRecorder(Fd channel) : channel_(std::move(channel)) {}
    Fd channel_;
};

// Watches for that long all that runs in a cgroup, but for the cgroup `own` below it, and all that it makes meanwhile. In a process that is
// spent on it.
Result<> record_cgroup(int cgroup, int own, std::chrono::microseconds time, const Recording& recording);

}  // namespace holm::setup
