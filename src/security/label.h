// Label: the profile of AppArmor, or the context of SELinux, that a program gets from outside. Applies; inside.
#pragma once

#include "base/error.h"
#include "security/plan.h"

namespace holm::security {

// Of the next program that this process, or a child of it, executes; it takes no privilege. Errors: of a profile that is not loaded.
Result<> label_next_program(const Plan& plan);

}  // namespace holm::security
