#include "systemd/notify.h"

#include <ctime>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace holm::systemd {

void notify(const std::string& state)
{
    sd_notify(0, state.c_str());
}

void notify_reloading()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1000000LL + now.tv_nsec / 1000));
}

}  // namespace holm::systemd
