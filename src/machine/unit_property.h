// UnitProperty: a property of a unit, typed as systemd's D-Bus API wants it (org.freedesktop.systemd1(5)). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace holm::machine {

struct UnitProperty {
    using Pairs = std::vector<std::pair<std::string, std::string>>;  // a(ss): DeviceAllow
    using Limits = std::vector<std::pair<std::string, uint64_t>>;    // a(st): IOReadBandwidthMax
    using Bytes = std::vector<uint8_t>;                              // ay:    AllowedCPUs, bit 0 of byte 0 = CPU 0
    using Strings = std::vector<std::string>;                        // as:    After
    using Prefix = std::tuple<int32_t, Bytes, uint32_t>;             // family, address, length
    using Prefixes = std::vector<Prefix>;                            // a(iayu): IPAddressAllow
    using Port = std::tuple<int32_t, int32_t, uint16_t, uint16_t>;   // family, protocol, count of ports (0: all), the first
    using Ports = std::vector<Port>;                                 // a(iiqq): SocketBindAllow
    using Interfaces = std::pair<bool, Strings>;                     // (bas): RestrictNetworkInterfaces; true: these alone
    // CPUQuotaPerSecUSec and the like are t; KillSignal is i (int32_t).
    using Value = std::variant<bool, int32_t, uint32_t, uint64_t, std::string, Strings, Bytes, Pairs, Limits, Prefixes, Ports, Interfaces>;
    std::string name;
    Value value;
    bool operator==(const UnitProperty&) const = default;
};

}  // namespace holm::machine
