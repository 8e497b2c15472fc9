// Stub: the small PID 1 of `init = true`. It reaps what is orphaned, forwards every signal to the program, and ends as it does. Effects;
// inside.
#pragma once

#include <functional>

#include "base/error.h"

namespace holm::setup {

// Makes the child that shall become the program, and returns in it. This process becomes the stub: it closes all descriptors, and exits
// with the child's status, 128+N for a signal N. `confine`: what it gives up after that.
Result<> become_stub(int status_socket, const std::function<Result<>()>& confine);

}  // namespace holm::setup
