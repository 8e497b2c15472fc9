// CallerWatch: tells when a caller leaves the bus, for work that is done for nobody but him. Effects: a match on the bus.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <systemd/sd-bus.h>

#include "base/handle.h"

namespace holm::daemon {

class CallerWatch {
public:
    // Calls `gone` at most once, when the unique name `sender` has no owner any more; never for "", a direct connection.
    CallerWatch(sd_bus* bus, const std::string& sender, std::move_only_function<void()> gone);
    CallerWatch(const CallerWatch&) = delete;
    CallerWatch& operator=(const CallerWatch&) = delete;

private:
    static int on_change(sd_bus_message* message, void* self, sd_bus_error*) noexcept;
    std::move_only_function<void()> gone_;
    Handle<sd_bus_slot, sd_bus_slot_unref> match_;
};

}  // namespace holm::daemon
