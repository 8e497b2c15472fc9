// Debug: a command with another root's tools in the namespaces of a machine, which is seen at /machine. It has all of the host's
// privileges: no process of the machine may look into it, since it is in no user namespace of the machine's. Effects; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace holm::setup {

struct Tools {
    std::string path;         // absolute, on the host: a root that has a shell and what else is needed
    int leader = -1;          // pidfd of the machine's PID 1
    bool own_network = true;  // the machine has a network namespace of its own
    bool own_time = false;
};

// Puts this process into a mount namespace of its own, with the tools' root, read-only, and the machine's tree at /machine; and its
// children into the machine's pid, network, IPC, UTS and cgroup namespaces. The new root, to be entered by the child.
Result<Fd> prepare_tools(const Tools& tools);

// In the child: /proc and /sys of the machine's namespaces, then the root.
Result<> enter_tools(int root);

}  // namespace holm::setup
