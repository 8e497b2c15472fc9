// Network definitions as clients send and remove them: /etc/holm/networks/NAME.toml. Reads and writes files of holm; runs in children of
// holmd.
#pragma once

#include <set>
#include <string>

#include "base/error.h"
#include "kernel/definition_files.h"
#include "machine/name.h"
#include "machine/settings.h"

namespace holm::daemon {

// Judged as at its first use, too: nothing is drawn, but a block that meets a route of the host is refused. Errors: Invalid, NotSupported,
// Busy, and Exists where there is one of this name.
Result<> create_network(const machine::MachineName& name, const std::string& text, const kernel::Places& places,
                        const machine::Settings& settings);
// The definition with its drop-ins, and what was drawn for the network, which goes down where it is up without machines. `users`: the
// machines that name it. Errors: NotFound; Denied, where it is the vendor's; Busy, while there are users or a machine runs on it.
Result<> remove_network(const machine::MachineName& name, const kernel::Places& places, std::set<std::string> users);

}  // namespace holm::daemon
