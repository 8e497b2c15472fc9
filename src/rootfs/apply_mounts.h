// The user's mounts and what is hidden, in the order of the plan. Applies; outside, on the root that is attached, acting on files as the
// machine's root.
#pragma once

#include "base/error.h"
#include "rootfs/open_sources.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

struct MountsInput {
    const Plan& plan;
    int root = -1;
    int user_namespace = -1;
    const Sources& sources;
};

// Attaches plan.mounts, then covers plan.hidden. Targets are resolved within the root, links followed as the machine would, and made
// where missing. Errors name source, target and machine.
Result<> attach_mounts(const MountsInput& input);

}  // namespace holm::rootfs
