// Capabilities: the five sets of capabilities(7), as bits by number. Effects: changes those of this process.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace holm::kernel {

struct CapabilitySets {
    uint64_t effective = 0, permitted = 0, inheritable = 0;
    bool operator==(const CapabilitySets&) const = default;
};

Result<CapabilitySets> get_capabilities();
Result<> set_capabilities(const CapabilitySets& sets);

// Makes effective what is permitted.
Result<> raise_permitted_capabilities();

// All that this kernel knows.
uint64_t known_capabilities();

// Drops from the bounding set what is not in `kept`, and empties the ambient set. Needs CAP_SETPCAP.
Result<> bound_capabilities(uint64_t kept);

}  // namespace holm::kernel
