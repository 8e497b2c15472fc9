#include "api/events.h"

#include <algorithm>

namespace holm::api {

namespace {
// In the order of the enumeration.
constexpr EventInfo events[] = {
    {MachineEvent::Started, "started", "41e3a33c4b734762b0448e729a6b3418"},
    {MachineEvent::Ready, "ready", "0ead7306108543ec8646bee65db4d18a"},
    {MachineEvent::Rebooting, "rebooting", "418a5c9d45c44314871c6d5e65a34d0d"},
    {MachineEvent::Stopping, "stopping", "e379fd71bee14cad978c24178d948f9a"},
    {MachineEvent::Stopped, "stopped", "4cb18798c6a84975908d8fc43e6dacc8"},
    {MachineEvent::Failed, "failed", "27305e22ce554b40b67502418e6f6a31"},
    {MachineEvent::Frozen, "frozen", "7984b0c49eb949d1a15c43f2399b42e8"},
    {MachineEvent::Thawed, "thawed", "eca5a3bbf3d44e65b62db84c7254708c"},
    {MachineEvent::Healthy, "healthy", "5591a03cbc2246d48f5ffcd23e409551"},
    {MachineEvent::Unhealthy, "unhealthy", "8a3cc64c83754413a96bd37aa2aecd7d"},
    {MachineEvent::Changed, "changed", "3d5be6282d0f47738b98e7ea20f49812"},
};
}  // namespace

std::span<const EventInfo> machine_events()
{
    return events;
}

const EventInfo& info_of(MachineEvent event)
{
    return events[static_cast<size_t>(event)];
}

std::optional<EventInfo> find_event(std::string_view id)
{
    auto known = std::ranges::find(events, id, &EventInfo::id);
    if (known == std::end(events)) return {};
    return *known;
}

}  // namespace holm::api
