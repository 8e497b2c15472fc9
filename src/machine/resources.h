// [resources]: the properties of systemd.resource-control(5) of systemd 252, checked, as its D-Bus API takes them. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace holm::machine {

// A property as SetUnitProperties and StartTransientUnit take it: "MemoryMax=50%" is MemoryMaxScale, u.
struct ResourceProperty {
    using Bytes = std::vector<uint8_t>;                            // ay:    AllowedCPUs, bit 0 of byte 0 = CPU 0
    using Limits = std::vector<std::pair<std::string, uint64_t>>;  // a(st): IOReadBandwidthMax
    using Value = std::variant<bool, uint32_t, uint64_t, std::string, Bytes, Limits>;
    std::string name;
    Value value;
    bool operator==(const ResourceProperty&) const = default;
};

// One assignment as in a unit file, "MemoryMax", "512M". Errors: Invalid, with the nearest name or the grammar of the value.
Result<ResourceProperty> parse_resource(std::string_view name, std::string_view value);

// All of a definition: an assignment of a list property is added to earlier ones of it, any other replaces an earlier one.
Result<std::vector<ResourceProperty>> parse_resources(std::span<const std::pair<std::string, std::string>> assignments);

// What the property is when nobody sets it, under the name(s) that D-Bus knows: MemoryMax is infinity. For the rule that
// a start sets the whole list. Properties of later systemd versions are not in it.
std::vector<ResourceProperty> resource_defaults();

}  // namespace holm::machine
