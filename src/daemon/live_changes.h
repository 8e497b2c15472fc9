// Live changes: a machine that runs becomes what its definition says now, or what it was before that. Its plan in /run follows step by
// step, so that whatever happens its end takes all of it back, and a reboot of the payload has the same. Effects: makes a process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "daemon/machine_entry.h"
#include "daemon/planner_child.h"
#include "daemon/worker.h"
#include "launch/changes.h"

namespace holm::daemon {

// The plan of a machine before it was changed: there until the change is kept or taken back.
std::string before_path(const machine::MachineName& name);  // "/run/holm/machines/web/before.toml"
// µs of CLOCK_BOOTTIME, at which it is taken back.
std::string confirm_path(const machine::MachineName& name);

// The properties that its unit really has; of what is not in it the plan is believed.
using UnitState = std::vector<launch::UnitProperty>;
using ChangesFound = std::move_only_function<void(Result<std::vector<launch::Change>>)>;
using TakenBack = std::move_only_function<void(Result<>)>;

// What is different; nothing is written.
std::unique_ptr<Worker> start_comparing(systemd::Loop& loop, const MachineEntry& machine, PlanRequest request, const UnitState& real,
                                        ChangesFound found);
// The same, and networks, ports, rates and mounts are made; what the unit is to be told is the caller's. Where it fails before.toml, if it
// is there, says that something was begun.
std::unique_ptr<Worker> start_applying(systemd::Loop& loop, const MachineEntry& machine, PlanRequest request, const UnitState& real,
                                       ChangesFound found);
// As before.toml has it. One step that fails does not stop the others; the error is the first's.
std::unique_ptr<Worker> start_taking_back(systemd::Loop& loop, const MachineEntry& machine, machine::Firewall firewall, TakenBack done);

// Properties of the unit, by the names that D-Bus has for them, in the plan of what runs: they have been told to systemd.
std::unique_ptr<Worker> start_noting_properties(systemd::Loop& loop, const machine::MachineName& name, std::vector<std::string> names,
                                                std::vector<launch::UnitProperty> properties, Planned noted);

}  // namespace holm::daemon
