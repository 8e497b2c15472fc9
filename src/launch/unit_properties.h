// The properties of a machine's unit, as systemd's D-Bus API takes them. Pure: of the spec and the request alone.
#pragma once

#include <chrono>
#include <vector>

#include "base/error.h"
#include "launch/make_plan.h"
#include "launch/plan.h"
#include "machine/spec.h"

namespace holm::launch {

// How much later than the supervisor systemd loses patience with a stop.
inline constexpr std::chrono::microseconds stop_margin = std::chrono::seconds(10);

// "Machine web: front end": the generator writes the same.
std::string describe_unit(const machine::Spec& spec);

// Those of the definition after holm.toml's after holm's own: the last of a name wins, lists add up. Errors: Invalid (a bad value).
Result<std::vector<UnitProperty>> plan_resources(const machine::Spec& spec, const Defaults& defaults);

// Of a scope: all that StartTransientUnit is given, but PIDs. Of a service: all that SetUnitProperties(runtime) is given, a key that
// is not in the definition by its default, since systemd keeps what an earlier start has set. Errors: Invalid (a bad value).
Result<std::vector<UnitProperty>> plan_unit_properties(const machine::Spec& spec, const Request& request,
                                                       std::chrono::microseconds stop_timeout, const rootfs::Plan& root = {});

}  // namespace holm::launch
