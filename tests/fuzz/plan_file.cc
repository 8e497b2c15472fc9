#include "launch/plan_file.h"

#include <cstdlib>

#include "targets.h"

namespace holm::fuzz {

void plan_file(std::string_view bytes)
{
    auto plan = launch::parse_plan_file(bytes, "plan.toml");
    if (!plan) return;
    auto again = launch::parse_plan_file(launch::describe_plan_file(*plan), "plan.toml");
    if (!again || *again != *plan) std::abort();
}

}  // namespace holm::fuzz
