// The value of a unit's property as text for a person. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "launch/plan.h"

namespace holm::launch {

// As systemctl shows it; "(none)" for an empty one.
std::string describe_property(const UnitProperty& property);

// Of a limit: "infinity" for the greatest.
std::string describe_number(uint64_t value);

}  // namespace holm::launch
