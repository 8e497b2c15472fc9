// Unit limits: those of a machine's unit for which systemd has no name (machine/cgroup_limit.h), in the files of the unit's own cgroup,
// above all that the payload can write. Their controllers systemd knows nothing of: it neither enables nor disables one, so holmd enables
// what a machine asks for on the way to its unit, and disables none. Effects: reads and writes cgroupfs.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/unit_property.h"

namespace holm::daemon {

using UnitProperties = std::vector<machine::UnitProperty>;

// What systemd is told, and what the files are.
struct UnitOrders {
    UnitProperties properties, limits;
};
UnitOrders split_orders(const UnitProperties& all);

// What the files were: each with what is written to it to have that again.
using LimitsBefore = std::vector<std::pair<std::string, std::vector<std::string>>>;

// All of them, or none: "/machine.slice/holm-web.scope". Errors: NotSupported (the host has no such controller or file), and the kernel's.
Result<LimitsBefore> write_limits(const std::string& cgroup, const UnitProperties& limits);
void restore_limits(const std::string& cgroup, const LimitsBefore& before);

// As the kernel has those of `properties` that are limits of this kind: by name, "67108864" or "max"; lines of a list are joined by ", ".
std::map<std::string, std::string> read_limits(const std::string& cgroup, const UnitProperties& properties);

// The same, behind what else is known of the unit; a list is not told: the kernel has its own words for it.
void add_real_limits(const std::string& cgroup, const UnitProperties& properties, UnitProperties& real);

}  // namespace holm::daemon
