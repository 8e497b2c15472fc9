// The folders that a guest expects of its manager: /dev, /run, /run/host, /tmp, and where /proc and /sys go
// (systemd.io/CONTAINER_INTERFACE). Applies; outside, on the root that is attached, acting on files as the machine's root.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

struct Credential {
    std::string name;
    std::string content;
};

struct FoldersInput {
    const Plan& plan;
    int root = -1;
    bool console = false;  // a terminal will be mounted on /dev/console
    const std::vector<Credential>& credentials;
};

// Makes and fills them, and gives the socket that is bound at /run/host/notify. A root whose /dev, /proc, /sys, /run or /tmp is a
// symbolic link is refused; where one is missing it is made. Errors: Invalid (a link, no folder).
Result<Fd> attach_folders(const FoldersInput& input);

}  // namespace holm::rootfs
