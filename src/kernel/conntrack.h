// Conntrack: the connections that the kernel keeps track of (ctnetlink), and how some are forgotten. Effects.
#pragma once

#include <functional>

#include "base/error.h"
#include "kernel/route.h"

namespace holm::kernel {

struct Flow {
    uint8_t protocol = 0;  // IPPROTO_*
    IpBytes source, destination;
    uint16_t source_port = 0, destination_port = 0;
    IpBytes answerer;         // who answers: another than `destination` where addresses are translated
    bool translated = false;  // its destination is
    bool operator==(const Flow&) const = default;
};

// The packet after belongs to a new connection. A kernel that tracks none has nothing to forget.
Result<> forget_flows(const std::function<bool(const Flow&)>& is_stale);

}  // namespace holm::kernel
