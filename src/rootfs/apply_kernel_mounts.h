// The machine's own /proc and /sys, mounted with the host's privileges by a process that has joined its namespaces: part of the tree that
// the machine's first process copies, they and all that covers them are locked inside. Applies; outside.
#pragma once

#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "kernel/sysctl.h"

namespace holm::rootfs {

enum class Sysfs {
    Own,   // of the machine's network namespace
    Host,  // the host's, as a bind: a sysfs of its own needs a network namespace of its own
};

struct KernelMounts {
    Fd proc, sys;
};

// The process that mounts them, while others make the root. It is ended and reaped: a zombie of ours in the machine's pid namespace would
// keep its first process from ending.
class KernelMounter {
public:
    struct Task {
        int leader = -1;  // pidfd of the machine's first process, which has all its namespaces but that of mounts
        Sysfs sysfs = Sysfs::Own;
        bool uncovered = false;               // a second pair
        uint32_t root_id = 0;                 // of the machine's root, on the host
        std::vector<kernel::Sysctl> sysctls;  // set in the machine's namespaces: each must be of one
    };
    // From then on each child of this process is in the machine's pid namespace.
    static Result<KernelMounter> start(const Task& task);
    KernelMounter(KernelMounter&&) = default;
    ~KernelMounter();

    // Attaches what it has mounted at /proc and /sys of `root`, the second pair in `second`, and gives the first two, not covered yet.
    Result<KernelMounts> attach(int root, int second) const;

private:
    KernelMounter(kernel::Child child, Fd answer, const Task& task)
        : child_(std::move(child)), answer_(std::move(answer)), sysfs_(task.sysfs), uncovered_(task.uncovered)
    {
    }

    kernel::Child child_;
    Fd answer_;
    Sysfs sysfs_;
    bool uncovered_;
};

}  // namespace holm::rootfs
