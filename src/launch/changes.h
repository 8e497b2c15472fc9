// Changes: what another plan would make of a machine that runs, and how much of that can be made while it does. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/plan.h"

namespace holm::launch {

enum class Reach {
    Live,        // while it runs
    Restart,     // at its next start
    Impossible,  // it has no next start: it is removed at its end
    Overridden,  // never: what was set while it ran says otherwise
};

struct Change {
    std::string key;  // "resources.MemoryMax", "network.eth0.publish": as in the definition where there is such a key
    std::string before, after;
    Reach reach = Reach::Live;
    bool operator==(const Change&) const = default;
};

struct Changes {
    std::vector<Change> all;
    Plan reachable;  // `running` with all that is Live
};

// `boots` of the payload in this life: what was mounted in an earlier boot is locked. What is different at every look, and what a start
// writes into the machine for itself, is no change.
Changes compare_plans(const Plan& running, const Plan& wanted, unsigned boots);

// What the unit of a machine with `from` is to be told to have `to`; a property that is gone has its default.
std::vector<UnitProperty> properties_between(const Plan& from, const Plan& to);

// "live", "needs restart", "impossible", "overridden".
std::string_view describe(Reach reach);
// A line each, under one that sums up.
std::string describe_changes(const std::string& machine, const std::vector<Change>& changes);

}  // namespace holm::launch
