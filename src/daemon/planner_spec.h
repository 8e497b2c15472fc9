// What the planner plans for: the spec of a request, whole and resolved. Reads; in the planner's child.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "daemon/planner.h"
#include "kernel/definition_files.h"
#include "machine/spec.h"

namespace holm::daemon {

// Before each path that may hang: whoever waits can name it.
void looking_at(const PlanRequest& request, std::string_view path);
kernel::Places places_of(const PlanRequest& request);

// The spec that was given, the definition of its name, or what boots the image of that name; volumes are folders in it, and the default
// network is there. Errors: NotFound, Invalid, NotSupported.
Result<machine::Spec> resolve_spec(const PlanRequest& request, std::vector<std::string>& warnings);

}  // namespace holm::daemon
