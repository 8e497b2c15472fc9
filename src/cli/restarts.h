// Restarts: those that a machine's policy has made, for a person. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holm::cli {

// "2, last after: exit status 3"; "" where there was none.
std::string describe_restarts(uint64_t count, std::string_view after);
// "again in 15s: exit status 3"; "" where it does not rest before one. Times: CLOCK_MONOTONIC in µs; `next` 0: none.
std::string describe_rest(uint64_t next, uint64_t now, std::string_view after);

}  // namespace holm::cli
