// What of the host's network decides plans. Observes; outside.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/definition_files.h"
#include "network/plan.h"
#include "network/segment.h"

namespace holm::network {

// Routes of all tables but local's own and `default`, by rtnetlink. `interfaces` and `segments` are left empty: to list the ends of a
// thousand machines takes the kernel milliseconds, and who asks for a name asks by has_interface.
Result<HostNetworks> observe_host();
Result<bool> has_interface(const std::string& name);

// The definitions of networks in `places`. One that cannot be read is left out: its own use says why.
std::vector<Definition> observe_definitions(const kernel::Places& places);

// Of a VXLAN with this definition: the local address that it gives, or the one that the route to its first peer says; and by which
// interface its frames leave: that of the route to the first peer, else that which has the local address. None where no route leads to the
// peers. Errors: NotFound, where no interface has the local address.
Result<std::optional<Underlay>> observe_underlay(const Definition& definition);

// The programs of the host that are at any of these ports, or of those that the spec publishes, but for what the machine that runs
// publishes already. Holm's own are none.
Result<std::vector<Listener>> observe_listeners(std::span<const Publication> published);
Result<std::vector<Listener>> observe_listeners(const machine::Spec& spec, const Plan& running);

}  // namespace holm::network
