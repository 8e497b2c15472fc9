// Limits: what of [resources] somebody has set, in the words of a definition, and what of it nothing enforces. Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launch/make_plan.h"
#include "launch/plan.h"
#include "machine/spec.h"

namespace holm::launch {

// "MemoryMax" to "512M", "CPUQuota" to "50%": of the properties of a unit those that [resources] has and that are not what they are when
// nobody sets them.
std::map<std::string, std::string> limits_of(std::span<const UnitProperty> properties);

// Of those that the definition or holm.toml sets, a sentence for each controller of cgroup v2 that is not in `controllers`, "cpuset cpu
// io".
std::vector<std::string> find_unenforced(const machine::Spec& spec, const Defaults& defaults, std::string_view controllers);

}  // namespace holm::launch
