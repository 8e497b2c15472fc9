// Network events: what others take away of the host's network: interfaces, and tables of the firewall. Effects.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

struct NetworkLosses {
    std::vector<std::string> links;   // the aliases (ip-link(8)) of interfaces that are gone
    std::vector<std::string> tables;  // of nftables
    bool overflown = false;           // more than the kernel kept: anything may be gone
};

// Non-blocking sockets that are readable when anything has changed.
Result<Fd> open_link_events();
Result<Fd> open_table_events();
// Takes all that waits, of either socket.
Result<> read_losses(int socket, NetworkLosses& losses);

}  // namespace holm::kernel
