// Stub: the small PID 1 of `init = true`. It reaps what is orphaned, forwards every signal to the program, and ends as it does. Effects;
// inside.
#pragma once

#include <functional>

#include "base/error.h"

namespace holm::setup {

// Blocks all signals, to be taken by sigwaitinfo(2), and has handlers for them, which are never called: while it waits, the kernel shows
// none as blocked (do_sigtimedwait() of kernel/signal.c), and the supervisor would take them for signals that nobody takes notice of.
void take_signals();

// Makes the child that shall become the program, and returns in it. This process becomes the stub: it closes all descriptors, and exits
// with the child's status, 128+N for a signal N. `confine`: what it gives up after that.
Result<> become_stub(int status_socket, const std::function<Result<>()>& confine);

}  // namespace holm::setup
