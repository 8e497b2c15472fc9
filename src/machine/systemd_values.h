// Numbers, sizes, times and shares as systemd 252 reads them in units: what it takes has the same meaning here, what it refuses is
// nothing. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holm::machine {

// "512M", "1.5G", "1G 500M", of base 1024 or 1000, with B, K, M, G, T, P and E.
std::optional<uint64_t> find_size(std::string_view text, uint64_t base);

// "1min 30s", "1.5s", "2 weeks", a plain number is seconds: in ticks of so many nanoseconds, 1 or 1000. No infinity, and no more than
// nanoseconds of 63 bits hold.
std::optional<uint64_t> find_time_span(std::string_view text, uint64_t tick);

// Hundredths of a percent of "50%", "12.5%", "12.5‰" and "125‱".
std::optional<uint64_t> find_permyriad(std::string_view text);

// "16", "0x10", "0o20", "020" and "0b10000" are the same.
std::optional<uint64_t> find_integer(std::string_view text);

// "yes", "True", "0".
std::optional<bool> find_boolean(std::string_view text);

}  // namespace holm::machine
