// Child: a process that this one must wait for, in the event loop. Effects: signals and reaps it.
#pragma once

#include <sys/types.h>

#include <functional>

#include "base/fd.h"
#include "kernel/event.h"
#include "kernel/process.h"
#include "supervisor/outcome.h"

namespace holm::supervisor {

class Child {
public:
    explicit Child(kernel::Child process) : Child(process.pid, std::move(process.pidfd)) {}
    // `pidfd` is of a child of ours, also of one that another child made with CLONE_PARENT.
    Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Calls once, when the process has ended and was reaped. May destroy the child.
    Result<> watch(kernel::EventLoop& loop, std::function<void(WaitStatus)> on_exit);
    pid_t pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }
    // By pidfd: never another process that has got the same pid.
    Result<> signal(int number) const;

private:
    void reap();
    pid_t pid_;
    Fd pidfd_;
    std::function<void(WaitStatus)> on_exit_;
    kernel::Watch watch_;
};

// Reaps whatever has ended and is nobody's Child: only when there is none.
void reap_strays();

}  // namespace holm::supervisor
