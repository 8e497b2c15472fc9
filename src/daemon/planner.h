// The planner: from a definition to a plan that is claimed and saved. Runs in holmd's planner child, which has a deadline: all of
// it may block on a dead file system. Observes and applies (identity, plan.toml); outside.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "launch/plan.h"
#include "machine/name.h"
#include "machine/settings.h"
#include "machine/spec.h"

namespace holm::daemon {

struct PlanRequest {
    enum class Mode {
        Claim,     // draw or take the identity, write plan.toml
        PlanOnly,  // `holmctl plan`: nothing is written, the id range is the one that would be drawn
    };
    machine::MachineName name;
    std::optional<machine::Spec> spec;  // none: the definition of `name`, read from the folders of definitions
    Mode mode = Mode::Claim;
    launch::UnitKind unit = launch::UnitKind::Scope;
    launch::Console console = launch::Console::Terminal;
    bool remove_at_end = false;  // --rm
    std::string hold;            // launch/hold.h
    std::string term;            // of the client's terminal; "" where there is none
    std::string promised_uuid;   // that a plan of it has shown, for a machine that has no identity yet; "": one is drawn
    machine::Settings settings;
    int probe_namespace = -1;  // rootfs/id_map_probe.h
    // Told each path before it is touched, so that who waits can name the one that hangs: "/srv/base".
    std::function<void(std::string_view path)> looking_at;
};

// Read, observe, claim, plan, save /run/holm/machines/NAME/plan.toml. What a failure leaves behind is what was there before.
Result<launch::Plan> prepare(const PlanRequest& request);

// The plan of a machine that runs as it would be if it were started now, with what was drawn on networks; nothing is written. What is
// drawn anew at each start, and what its client has asked for, is as in `running`.
struct Draft {
    launch::Plan plan;
    network::Facts network;
};
Result<Draft> draft(PlanRequest request, const launch::Plan& running);

// Writes /run/holm/machines/NAME/plan.toml, as one step.
Result<> save_plan(const launch::Plan& plan);

enum class Keep {
    Record,   // the identity and upper stay: the machine has a definition or a record
    Nothing,  // --rm, remove: /var/lib/holm/machines/NAME goes too
};

// Whether a plan of it was saved and not taken back.
bool has_plan(const machine::MachineName& name);

// Whether anything of it is in /run/holm/machines.
bool has_runtime(const machine::MachineName& name);

// Whether the machine's state holds what a guest has written: then release with Keep::Nothing can take long.
bool has_own_upper(const machine::MachineName& name);

// Takes back by name what prepare claimed: /run/holm/machines/NAME and, with Keep::Nothing, the machine's state. Idempotent; the
// machine must not run. Removing a large upper takes time: call it where blocking is allowed.
Result<> release(const machine::MachineName& name, Keep keep);
struct Ended {
    machine::MachineName name;
    Keep keep;
};
// The same of each, in their order.
std::vector<Result<>> release(std::span<const Ended> machines);

}  // namespace holm::daemon
