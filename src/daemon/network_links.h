// Network links: the interfaces of the host that a machine's entries move into it, and who has to do with them; and what a machine that
// runs is given. Observes and applies; in a child of holmd, under the lock of network_files.h.
#pragma once

#include <map>

#include "base/error.h"
#include "machine/name.h"
#include "machine/spec.h"
#include "network/plan.h"

namespace holm::daemon {

// By index of [[network]]. One that the machine itself has is as it was before.
Result<std::map<size_t, network::FoundLink>> find_links(const machine::MachineName& name, const machine::Spec& spec);

// The machine's process `pid`, with `leader` its pidfd, has these endpoints from now on: those that are moved, and those that are made.
Result<> add_interfaces(const machine::MachineName& name, const network::Plan& added, int pid, int leader);

}  // namespace holm::daemon
