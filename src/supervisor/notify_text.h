// Notify text: what an init says of itself in a datagram of sd_notify(3). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holm::supervisor {

struct NotifyText {
    bool ready = false;                 // READY=1
    std::optional<std::string> status;  // STATUS=, safe to show, at most 256 bytes
    bool operator==(const NotifyText&) const = default;
};

// Other assignments are none of ours. Never fails: what makes no sense says nothing.
NotifyText parse_notify(std::string_view datagram);

}  // namespace holm::supervisor
