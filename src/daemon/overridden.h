// Overridden: what a machine's definition says in vain, since its drop-in 90-set.toml says otherwise. Observes; outside.
#pragma once

#include <vector>

#include "base/error.h"
#include "daemon/planner.h"
#include "machine/set_file.h"

namespace holm::daemon {

// Of a machine without a definition, or without such a drop-in: nothing. Errors: those of its files.
Result<std::vector<machine::Overridden>> observe_overridden(const PlanRequest& request);

}  // namespace holm::daemon
