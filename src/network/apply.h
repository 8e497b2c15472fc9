// The network of a machine. Applies; inside.
#pragma once

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// In the machine's network namespace: brings its loopback up, where it has one of its own. The kernel gives it its addresses.
Result<> apply_inside(const Plan& plan);

}  // namespace holm::network
