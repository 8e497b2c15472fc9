// Property changes: what SetProperties changes of a machine's [resources]: kept in its drop-in or its record, and as properties of the
// unit that is there. Reads and writes files of holm alone.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "daemon/catalogue.h"
#include "daemon/kept_change.h"
#include "launch/plan.h"
#include "machine/name.h"
#include "machine/settings.h"

namespace holm::daemon {

using Assignments = std::vector<std::pair<std::string, std::string>>;  // "MemoryMax", "512M"; "": as if it had not been set

inline constexpr size_t max_assignments = 256;

// Each by itself. Errors: Invalid.
Result<> check_assignments(const Assignments& assignments);

// Whether those that systemd takes at a start alone have a next start to be kept for. Errors: Invalid.
Result<> check_read_at_load(const machine::MachineName& name, const Assignments& assignments, bool runtime, Origin origin);

// Writes them to NAME.toml.d/90-set.toml of a definition, or to the record. Errors: Invalid, and those of files.
Result<KeptChange> keep_assignments(const machine::MachineName& name, const Known& known, const Assignments& assignments);

// The machine as if they stood in its definition, for what is not kept.
machine::Spec with_assignments(machine::Spec spec, const Assignments& assignments);

// What a unit of that kind has of them in its plan; a service's is what any unit is told: it has what clears a list first, and defaults.
// Without those that systemd reads at load.
// Errors: Invalid.
Result<std::vector<launch::UnitProperty>> changed_properties(const machine::Spec& spec, const machine::Settings& settings,
                                                             const Assignments& assignments, launch::UnitKind kind);

// Of limits that systemd has no name for a plan has none that nobody wants: of those that are assigned to, that they are to go.
void lift_limits(std::vector<launch::UnitProperty>& properties, const Assignments& assignments);

}  // namespace holm::daemon
