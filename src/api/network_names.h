// The names of networks on the bus, beside those of names.h. Pure.
#pragma once

namespace holm::api {

inline constexpr const char* network_interface = "org.holm1.Network";
inline constexpr const char* networks_path = "/org/holm1/network";

}  // namespace holm::api
