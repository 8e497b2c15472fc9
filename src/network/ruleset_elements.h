// The elements, maps' entries and chains of one segment or machine in holm's tables. Pure.
#pragma once

#include "network/ruleset.h"

namespace holm::network {

enum class Change { Add, Remove };

RulesetChange plan_elements(const Segment& segment, Change change);
RulesetChange plan_elements(const MachineEndpoints& machine, Change change);
RulesetChange plan_publications(const Endpoint& endpoint, Change change);

}  // namespace holm::network
