// A plan as text for a person: `holmctl plan web`. Pure.
#pragma once

#include <string>

#include "launch/plan.h"

namespace holm::launch {

// Every mount in its order, the id map, the unit and its properties, the processes, environment, locks, privileges and
// what is hidden and masked. Lines of "name  value" under headings; nothing in it depends on a terminal.
std::string describe_plan(const Plan& plan);

}  // namespace holm::launch
