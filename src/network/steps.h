// Steps: which endpoints of a machine that runs leave, join and change where its plan becomes another. Pure.
#pragma once

#include <string>
#include <vector>

#include "network/plan.h"

namespace holm::network {

// With the gateways alone that are default routes: the first of each family.
std::vector<Endpoint> with_routes_in_use(std::vector<Endpoint> endpoints);

// Whether the interface can stay: ports, rules, rates and names change without it.
bool keeps_interface(const Endpoint& before, const Endpoint& after);

// Interfaces, each in one of them; one that is made anew is in `leave` and `join`.
struct Steps {
    std::vector<std::string> leave, join, change;
    bool operator==(const Steps&) const = default;
};
Steps steps_between(const Plan& before, const Plan& after);

}  // namespace holm::network
