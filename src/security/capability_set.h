// Sets of capabilities as bits, the number of a capability its bit. Pure; names are machine/identifiers'.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holm::security {

constexpr uint64_t capability_bit(int number)
{
    return uint64_t{1} << number;
}

// What systemd and the programs of a distribution need in a user namespace of their own, and what a command gets.
extern const uint64_t boot_capabilities, command_capabilities;

// The bit of "CAP_NET_ADMIN". Errors: Invalid, with the nearest name.
Result<uint64_t> parse_capability_bit(std::string_view name);

// "CAP_CHOWN", …, in the order of their numbers; one without a name is its number, "CAP_63".
std::vector<std::string> describe_capabilities(uint64_t set);

}  // namespace holm::security
