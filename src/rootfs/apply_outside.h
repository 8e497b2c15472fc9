// The whole root of a machine, built outside and attached at staged_root. Applies; outside, in a private mount namespace.
#pragma once

#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/apply_folders.h"
#include "rootfs/apply_layers.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

struct OutsideInput {
    const Plan& plan;
    const Sources& sources;
    int user_namespace = -1;  // -1: the machine has none
    bool console = false;
    std::vector<Credential> credentials;
    Fd memory;  // the upper in memory of the machine's last boot
};

struct Outside {
    Fd root;
    // What outlives this process: the supervisor keeps it.
    Fd notify;  // socket of /run/host/notify
    Fd memory;  // upper in memory, as a detached mount; none where the plan has none
};

// Builds the root after make_stage, all but /proc and /sys. From here on this process makes files as the machine's root.
Result<Outside> build_root(OutsideInput input);

// The root of an OCI runtime, beside the machine's: root, which is the machine's without /proc and /sys, its /dev, its /tmp where it has
// one, and what the runtime keeps, which ends with the mount namespace. proc and sys are empty.
Result<Fd> make_runtime_root(int root);

}  // namespace holm::rootfs
