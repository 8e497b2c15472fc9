// Unit cgroup: the delegated cgroup of the machine's unit: supervisor/ and payload/, and payload/holm-exec-N. Effects: makes,
// freezes, kills and removes cgroups below it; none above is ever touched.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "kernel/event.h"

namespace holm::supervisor {

// cgroup.events of one cgroup, told at each change.
class CgroupEvents {
public:
    CgroupEvents() = default;
    CgroupEvents(const CgroupEvents&) = delete;
    CgroupEvents& operator=(const CgroupEvents&) = delete;
    // Instead of what was watched before.
    Result<> watch(kernel::EventLoop& loop, int cgroup, std::function<void()> on_change);
    void reset();
    // As it is now; no change that is found here is told again.
    bool populated();
    // As last told.
    bool frozen() const { return frozen_; }

private:
    void read();
    Fd file_;
    kernel::Watch watch_;
    bool populated_ = false, frozen_ = false;
};

class UnitCgroup {
public:
    // Finds the cgroup of this process, moves it into supervisor/, with a child of its own, and lets what the unit has be shared out
    // below it. The child may be in any cgroup; 0: there is none.
    Result<> open(pid_t child);
    // What did not work in open() and leaves the machine without limits of its own inside; "" else.
    const std::string& warning() const { return warning_; }

    // A payload/ that is new: nothing of what an earlier payload wrote to its files is left.
    Result<> make_payload();
    int payload() const { return payload_.get(); }
    // payload/ with all that is below it. Errors: Busy while a process is in it.
    Result<> remove_payload();

    Result<Fd> make_exec(const std::string& name) const;
    Result<> remove_exec(const std::string& name) const;

    // Every process below payload/ gets the signal; SIGKILL by the kernel, all at once.
    Result<> signal_payload(int signal) const;
    Result<> freeze_payload(kernel::Freeze state) const;
    // How often the kernel has killed here for want of memory.
    uint64_t out_of_memory_kills() const;
    // Forks in payload/ that a limit of tasks has refused; Linux before 6.11 counts them where they were tried.
    uint64_t refused_tasks() const;

private:
    std::string path_;  // as /proc/PID/cgroup shows it
    Fd unit_, payload_;
    std::string warning_;
};

}  // namespace holm::supervisor
