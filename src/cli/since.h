// A point in time as people write it: the part of systemd.time(7) that logs are asked by. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace holm::cli {

// "2026-11-22 10:00:00", "2026-11-22", "10:00", "today", "yesterday", "now", "-1h", "1h ago", "@1795331555"; of the local clock.
// `now` and the result: µs since 1970. Errors: Invalid.
Result<uint64_t> parse_since(std::string_view text, uint64_t now);

}  // namespace holm::cli
