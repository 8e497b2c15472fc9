// Tool: a program of the host's, run to its end for what it answers. Effects: makes a process and waits for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/process.h"

namespace holm::kernel {

struct Tool {
    const char* path;                    // absolute
    std::vector<std::string> arguments;  // behind its name
    int input = -1;                      // its standard input; borrowed
    size_t most = 1 << 20;               // bytes that each of its outputs may have
    std::chrono::seconds deadline = std::chrono::seconds(30);
};

struct Answer {
    Exit exit;
    std::string output, errors;
};

// It has none of the caller's environment, signals and descriptors, and ends with the caller. Errors: NotSupported (not installed),
// Timeout, Invalid (it says more than it may); it is gone then.
Result<Answer> run_tool(const Tool& tool);

// What went wrong, of what a tool has said on its standard error.
std::string_view last_line(std::string_view errors);

}  // namespace holm::kernel
