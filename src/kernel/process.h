// Process: clone3(2), pidfds, and the state that a program starts with. Effects: makes, signals and waits for processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

struct Child {
    pid_t pid = 0;  // as the caller sees it; 0: this is the child
    Fd pidfd;
};

// fork(2) by clone3(2) into namespaces (`flags`, CLONE_NEW*) and a cgroup (descriptor of its folder; -1: the caller's own).
// With CLONE_PARENT the child is the caller's sibling and sends what the caller would send at its end. `pid`: the child's in its own pid
// namespace, which the next one may have when it is gone; 0: the next that is free. Single-threaded callers only.
Result<Child> clone_process(uint64_t flags, int cgroup = -1, pid_t pid = 0);

Result<Fd> open_process(pid_t pid);
Result<> signal_process(int pidfd, int signal);

struct Exit {
    bool by_signal = false;
    int value = 0;  // exit status or signal
};
// The end of a child, taken from the kernel; empty while it runs.
Result<std::optional<Exit>> poll_exit(int pidfd);
Result<Exit> wait_exit(int pidfd);

// Sets every signal to its default action and blocks none: what was ignored or blocked is inherited over execve(2).
void reset_signals();

// Closes every descriptor from 3 on but those to keep.
Result<> close_descriptors_but(std::vector<int> keep);

}  // namespace holm::kernel
