// Notify: what holmd says of itself to systemd (sd_notify(3)). Effects: one datagram each.
#pragma once

#include <string>

namespace holm::systemd {

// "READY=1\nSTATUS=…"; without a NOTIFY_SOCKET nothing happens.
void notify(const std::string& state);
// "RELOADING=1" with the time that systemd wants beside it.
void notify_reloading();

}  // namespace holm::systemd
