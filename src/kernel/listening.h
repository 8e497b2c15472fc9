// Listening: which sockets of this network namespace wait for whoever comes, by sock_diag(7). Effects.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "kernel/route.h"

namespace holm::kernel {

struct ListeningSocket {
    IpBytes address;  // all zeros: any
    uint16_t port = 0;
    bool v6_only = false;  // of IPv6: it does not take what comes by IPv4
    uint32_t uid = 0;      // whose it is
    bool operator==(const ListeningSocket&) const = default;
};

// Those of `protocol` (IPPROTO_TCP: that listen; IPPROTO_UDP: that are not connected) at ports from `first` to `last`, of both families. A
// kernel that cannot tell has none.
Result<std::vector<ListeningSocket>> list_listening(uint8_t protocol, uint16_t first, uint16_t last);

}  // namespace holm::kernel
