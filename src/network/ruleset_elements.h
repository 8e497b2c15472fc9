// The elements, maps' entries and chains of one segment or machine in holm's tables. Pure.
#pragma once

#include <string>

#include "network/ruleset.h"

namespace holm::network {

enum class Change { Add, Remove };

std::string describe_elements(const Segment& segment, Change change);
std::string describe_elements(const MachineEndpoints& machine, Change change);
std::string describe_publications(const Endpoint& endpoint, Change change);

}  // namespace holm::network
