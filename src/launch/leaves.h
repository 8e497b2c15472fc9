// Leaves: what a plan says, by the keys of its own file, of all that is as it was at the start. Pure.
#pragma once

#include <map>
#include <string>

#include "launch/plan.h"

namespace holm::launch {

using Leaves = std::map<std::string, std::string>;

// Without the unit's properties, networks and mounts, which are compared as such, and without what is anew at every look. Of the files that
// a start writes those that `other` has too: some are written only where the machine has none.
Leaves leaves_of(Plan plan, const Plan& other);

}  // namespace holm::launch
