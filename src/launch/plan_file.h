// plan.toml: a plan as text that a person can read, and back. holm-setup reads it at each boot of a payload. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "launch/plan.h"

namespace holm::launch {

inline constexpr size_t max_plan_file = 1 << 20;  // bytes

// The plan as TOML, with the version of this holm; keys at their default are left out.
std::string describe_plan_file(const Plan& plan);

// The plan of a text of at most max_plan_file bytes: parse_plan_file(describe_plan_file(p), …) == p. A
// wrong type or a value out of range is refused, and an unknown key, unless another version of holm has written it. `file` names the text
// in errors. Errors: Invalid.
Result<Plan> parse_plan_file(std::string_view text, std::string_view file);

}  // namespace holm::launch
