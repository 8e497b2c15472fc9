// The profile that a machine has of its own, in the kernel. Applies; outside.
#pragma once

#include "base/error.h"
#include "machine/name.h"

namespace holm::security {

// Into the kernel, in place of what it has by that name; outside. Errors: NotSupported (no apparmor_parser), Failed with its words.
Result<> load_profile(const machine::MachineName& machine);

// Out of the kernel, if it is there. The machine must not run.
Result<> remove_profile(const machine::MachineName& machine);

}  // namespace holm::security
