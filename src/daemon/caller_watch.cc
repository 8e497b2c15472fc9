#include "daemon/caller_watch.h"

#include <utility>

#include "base/error.h"

namespace holm::daemon {

// Not sd_bus_track: it asks whether the name is there, and waits for the answer.
CallerWatch::CallerWatch(sd_bus* bus, const std::string& sender, std::move_only_function<void()> gone) : gone_(std::move(gone))
{
    if (sender.empty()) return;
    const std::string rule = fmt::format(
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}',arg2=''", sender);
    sd_bus_slot* slot = nullptr;
    if (sd_bus_add_match_async(bus, &slot, rule.c_str(), on_change, nullptr, this) >= 0) match_.reset(slot);
}

// The callback may destroy this.
int CallerWatch::on_change(sd_bus_message*, void* self, sd_bus_error*) noexcept
{
    auto gone = std::exchange(static_cast<CallerWatch*>(self)->gone_, nullptr);
    if (gone) gone();
    return 0;
}

}  // namespace holm::daemon
