// Console: the terminal or the descriptors that a payload has as its standard input and output. Effects; inside.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/pty.h"
#include "kernel/users.h"
#include "setup/status.h"

namespace holm::setup {

// Three descriptors of the client, or a terminal of the machine's own devpts.
struct Streams {
    std::vector<Fd> pipes;  // standard input, output and error; empty with a terminal
    Fd terminal;
};

struct WindowSize {
    uint16_t rows = 0, columns = 0;
};

// Before the change of root: makes the terminal of the payload in `devpts`, a mount of ours, sends its master up, and mounts it on
// /dev/console of `root` by its descriptor.
Result<Fd> make_console(int devpts, int root, Status& status);

// In a machine that runs: makes a terminal in what is its devpts now, and sends its master up.
Result<Fd> make_exec_terminal(int root, WindowSize size, Status& status);

// Makes the streams standard input, output and error; the terminal then belongs to `user`.
Result<> attach_streams(const Streams& streams, const kernel::User& user);

}  // namespace holm::setup
