// What a start does to the machine's own /etc: time zone, resolver and machine-id, as [identity] asks. Pure.
#pragma once

#include "base/error.h"
#include "launch/facts.h"
#include "launch/plan.h"
#include "machine/spec.h"

namespace holm::launch {

// Completes a plan that has its payload, network and root: with files that are written, linked or removed, and with binds of the
// host's. A machine that nothing can be written to gets the binds alone. What cannot be had is a warning.
// Errors: NotFound (a time zone that neither the root nor the host has).
Result<> plan_guest_files(const machine::Spec& spec, const Facts& facts, Plan& plan);

}  // namespace holm::launch
