// Recording: what a machine's processes called, as holm-setup reports it, and the profile that follows from it. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"

namespace holm::cli {

struct Recording {
    uint64_t processes = 0, foreign = 0;    // foreign: calls of another architecture
    std::map<std::string, uint64_t> calls;  // by name, how often
    std::set<std::string> refused;          // of these, answered EPERM at least once
    std::vector<std::string> capabilities;  // of the payload
    uint64_t total() const;
};

using SyscallName = std::function<std::string(int number)>;

// The lines of setup/record.h. Errors: what the other side says; Invalid.
Result<Recording> parse_recording(const std::string& report, const SyscallName& name);

// The table [security] of a definition with which it runs again, and what was seen as comments. `needed`: the capabilities that it was
// found to need; none: nobody has looked.
std::string describe_profile(const Recording& recording, const std::string& title, const std::optional<std::vector<std::string>>& needed);

}  // namespace holm::cli
