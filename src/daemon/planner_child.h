// The planner in a child of holmd: prepare() of planner.h with a deadline. Effects: makes a process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "daemon/planner.h"
#include "daemon/worker.h"
#include "kernel/definition_files.h"
#include "launch/plan.h"

namespace holm::daemon {

inline constexpr std::chrono::seconds planner_deadline{10};

using Planned = std::move_only_function<void(Result<launch::Plan>)>;
using Described = std::move_only_function<void(Result<std::string>)>;
using Released = std::move_only_function<void(Result<>)>;

// What every planner child would do anew, done once in holmd: libraries are loaded, a user namespace is made.
void prepare_planning();
// What other starts have to look at of this machine is read in holmd, for its children to inherit; from when its plan is there until it is
// gone.
void remember_claims(const launch::Plan& plan);
void forget_claims(const machine::MachineName& name);
// Claims and saves the plan of a start. The plan that is given back is the one that is in plan.toml now.
std::unique_ptr<Worker> start_planning(systemd::Loop& loop, PlanRequest request, Planned planned);
// The plan as text for a person; nothing is written.
std::unique_ptr<Worker> start_describing(systemd::Loop& loop, PlanRequest request, Described described);
// restore_networks() of networks.h.
std::unique_ptr<Worker> start_restoring_networks(systemd::Loop& loop, const kernel::Places& places, const machine::Settings& settings,
                                                 Released restored);

// The plan in a plan.toml of /run. Errors: NotFound, Invalid.
Result<launch::Plan> read_plan(const std::string& path);

}  // namespace holm::daemon
