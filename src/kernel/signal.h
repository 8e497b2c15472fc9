// Signal: signals as something to read (signalfd(2)). Effects: changes what this process does with its signals.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

struct ReceivedSignal {
    int number = 0;
    pid_t sender = 0;  // as seen from this pid namespace; 0 of the kernel
};

// Sets every signal to its default action (what was ignored would be inherited by children), blocks all but the ones that a
// fault of the program itself raises, and gives the non-blocking descriptor from which the blocked ones are read.
Result<Fd> open_signals();
// All that are pending.
std::vector<ReceivedSignal> receive_signals(int signals);

}  // namespace holm::kernel
