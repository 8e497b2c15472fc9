// Listening: what /proc/PID/net/tcp and tcp6 say of TCP ports (proc(5)). Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace holm::supervisor {

// Whether a socket of the table listens at this port, on whichever address.
bool has_listener(std::string_view table, uint16_t port);

}  // namespace holm::supervisor
