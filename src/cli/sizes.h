// Sizes and times as tables show them. Pure.
#pragma once

#include <cstdint>
#include <string>

namespace holm::cli {

// "1.5G", "312K"; "-" of UINT64_MAX, which is not known.
std::string describe_size(uint64_t bytes);
// A time in µs since 1970 as the local "2026-11-22 07:06"; "-" of 0.
std::string describe_time(uint64_t time);

}  // namespace holm::cli
