// Unit state: the properties that a machine's unit really has, held against those that its plan has for it. An admin's `systemctl revert`
// or set-property is no secret of systemd's then. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "launch/plan.h"

namespace holm::launch {

// What is to be read of a unit: each by its name and with a value of its type.
std::vector<UnitProperty> readable_properties();

// The plan with what `real` has otherwise. Of a scope also what nobody has planned, where it is not the default. What a percentage
// makes of a limit is systemd's to compute: it counts as different only where there is no limit at all.
Plan with_real_properties(Plan plan, const std::vector<UnitProperty>& real);

// Of `planned`, in its order, what a unit with `real` has not got for sure; and all of `written`, which it has of files that are gone.
std::vector<UnitProperty> properties_to_tell(const std::vector<UnitProperty>& planned, const std::vector<UnitProperty>& real,
                                             std::span<const std::string> written);

}  // namespace holm::launch
