// The privileges of a payload, resolved: capability sets, masks, limits. A value; plan_security is pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holm::security {

struct Plan {
    uint64_t capabilities = 0;  // bounding set, and permitted and effective of a payload that runs as root; bit = number
    bool no_new_privileges = false;
    std::map<std::string, std::pair<uint64_t, uint64_t>> rlimits;  // "NOFILE" -> soft, hard; UINT64_MAX = infinity
    std::optional<int> oom_score_adjust;
    std::vector<std::string> masked;     // below /proc and /sys: covered, nothing to read
    std::vector<std::string> read_only;  // below /proc and /sys: read-only
    std::optional<std::chrono::nanoseconds> boottime_offset, monotonic_offset;  // either: a time namespace
    bool operator==(const Plan&) const = default;
};

}  // namespace holm::security
