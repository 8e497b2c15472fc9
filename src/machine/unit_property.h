// UnitProperty: a property of a unit, typed as systemd's D-Bus API wants it (org.freedesktop.systemd1(5)). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace holm::machine {

struct UnitProperty {
    using Pairs = std::vector<std::pair<std::string, std::string>>;  // a(ss): DeviceAllow
    using Limits = std::vector<std::pair<std::string, uint64_t>>;    // a(st): IOReadBandwidthMax
    using Bytes = std::vector<uint8_t>;                              // ay:    AllowedCPUs
    using Strings = std::vector<std::string>;                        // as:    After
    // CPUQuotaPerSecUSec and the like are t; KillSignal is i (int32_t).
    using Value = std::variant<bool, int32_t, uint32_t, uint64_t, std::string, Strings, Bytes, Pairs, Limits>;
    std::string name;
    Value value;
    bool operator==(const UnitProperty&) const = default;
};

}  // namespace holm::machine
