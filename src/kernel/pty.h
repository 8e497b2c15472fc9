// PTY: a pair of pseudo terminals (pty(7)) of a given devpts, without a path of anybody's tree. Effects; inside.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

struct Terminal {
    Fd master;
    Fd slave;
};

// A new pair; `ptmx` is an open file of the ptmx device of a devpts, which becomes the master.
Result<Terminal> open_terminal(Fd ptmx);

Result<> set_window_size(int terminal, uint16_t rows, uint16_t columns);

// Makes this process the leader of a new session, with `terminal` as its controlling terminal (-1: none).
Result<> start_session(int terminal);

}  // namespace holm::kernel
