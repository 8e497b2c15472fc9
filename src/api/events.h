// Events in the life of machines, as the journal has them: one MESSAGE_ID each (sd-id128(3)), explained in the message catalogue
// (conf/holm.catalog). Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace holm::api {

enum class MachineEvent { Started, Ready, Rebooting, Stopping, Stopped, Failed, Frozen, Thawed, Healthy, Unhealthy, Changed };

struct EventInfo {
    MachineEvent event;
    std::string_view word;  // "started"
    std::string_view id;    // 32 hex digits
};

std::span<const EventInfo> machine_events();
const EventInfo& info_of(MachineEvent event);
std::optional<EventInfo> find_event(std::string_view id);

}  // namespace holm::api
