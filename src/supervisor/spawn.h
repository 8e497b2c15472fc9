// Spawn: starts one of holm's own programs as a child. Effects.
#pragma once

#include <string>
#include <vector>

#include "kernel/process.h"

namespace holm::supervisor {

struct Spawn {
    std::string path;
    std::vector<std::string> arguments;  // after argv[0]
    int cgroup = -1;                     // where it is born; -1: with the supervisor
    int status = -1;                     // becomes its descriptor launch::channel::status_descriptor; -1: none
    int error_output = -1;               // becomes its standard error; -1: the supervisor's
};

// It has default signals, the descriptors 0 to 2 and its status socket, and the limits that the supervisor was started with. A program
// that cannot be executed ends with exit status 127.
Result<kernel::Child> spawn(const Spawn& program);

// Lets this process have as many descriptors as it may; its children keep what was before.
void raise_descriptor_limit();

}  // namespace holm::supervisor
