// Moved links: the links of the host that the plan moves into the machine (network/apply_physical.h), by a child in the host's mount
// namespace: what enters another loses its root and working folder. Applies; outside.
#pragma once

#include "base/error.h"
#include "machine/name.h"
#include "network/plan.h"

namespace holm::setup {

struct MovedLinks {
    const network::Plan& plan;
    const machine::MachineName& machine;
    int pid = 0;      // in whose network namespace they are to be
    int mounts = -1;  // the host's mount namespace
};
Result<> move_links_in(const MovedLinks& links);

}  // namespace holm::setup
