// Sockets of the relay: those that listen on the host's loopback, and those that lead to machines. All are non-blocking. Effects.
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "network/relayed.h"

namespace holm::relay {

// Bound to the port of the host; of TCP it listens. Errors: with errno, naming the port.
Result<Fd> listen_at(const network::Relayed& port);
// On its way to the machine's port; of TCP whether it gets there is told when it can be written to.
Result<Fd> connect_to(const network::Relayed& port);

}  // namespace holm::relay
