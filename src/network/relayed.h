// Relayed: the ports of the host's loopback that holm-relay serves, as the kernel's translation of addresses cannot. Pure. On disk
// /run/holm/relay/MACHINE, a line each: "tcp 127.0.0.1 8080 10.213.0.5 80".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/plan.h"

namespace holm::network {

struct Relayed {
    std::string protocol;  // "tcp" | "udp"
    Address address;       // of the host
    uint16_t port = 0;
    Address inside;  // of the machine
    uint16_t inside_port = 0;
    auto operator<=>(const Relayed&) const = default;
};

inline constexpr const char* relay_folder = "/run/holm/relay";

// A longer range is published on the host's other addresses alone: here each port is a socket.
inline constexpr unsigned most_relayed_ports = 1024;

// Of what is published on an address of the loopback or on all. ::1 leads to an IPv4 address where the machine has no other, and the
// other way round.
std::vector<Relayed> relayed_of(const Plan& plan);
bool is_loopback(const Address& address);

std::string describe_relayed(std::span<const Relayed> ports);
// Errors: Invalid, naming the line.
Result<std::vector<Relayed>> parse_relayed(std::string_view text);

}  // namespace holm::network
