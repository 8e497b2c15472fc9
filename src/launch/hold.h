// Hold: the steps at which a start can stop, with all that it has made so far kept, to be looked at and continued. Pure.
#pragma once

#include <array>
#include <string_view>

#include "base/error.h"

namespace holm::launch {

inline constexpr std::string_view hold_mounts = "mounts";    // the root is entered, with all mounts
inline constexpr std::string_view hold_network = "network";  // and all links and addresses are there
inline constexpr std::string_view hold_init = "init";        // all is there but the payload
inline constexpr std::string_view hold_on_fail = "on-fail";  // where a step fails, as it is then

inline constexpr auto hold_steps = std::to_array<std::string_view>({hold_mounts, hold_network, hold_init, hold_on_fail});

// Errors: Invalid, with the steps that there are.
Result<> check_hold(std::string_view step);

}  // namespace holm::launch
