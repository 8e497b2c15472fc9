// Links of the host that a machine has while it runs. What has no hardware would end with the machine's network namespace, so that is kept
// by a file of /run/holm/links/NAME, on which it is mounted, until all that was moved into it is back: no end of any process loses a link.
// Applies; outside, in the host's mount namespace.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

// Keeps the network namespace of process `pid` in `folder`, and moves the links of the plan's physical endpoints into it, down and without
// addresses: from the host, or from where an earlier boot of the machine has had them, whose namespace is kept no longer. Programs of one
// thread only. Errors name the interface; what was moved by then comes back by give_back.
Result<> move_in(const Plan& plan, const std::string& folder, int pid);

// Each of them is the host's again, down, with the name, MAC, MTU, alias and other names that it had, whatever the machine has made of it;
// where its name is another's by now it gets a free one, and a warning says so. One that is back already is no error, one that the machine
// has removed is a warning. Without `staying` (what the machine keeps) its namespaces are kept no longer.
Result<> give_back(std::span<const Endpoint> endpoints, const std::string& folder, const Plan& staying = {});

}  // namespace holm::network
