// Addresses: IPv4 and IPv6 addresses, blocks of them and MACs as values. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::network {

enum class Family { V4, V6 };

struct Address {
    Family family = Family::V4;
    std::array<uint8_t, 16> bytes{};  // network order; of V4 the first four
    auto operator<=>(const Address&) const = default;
    bool operator==(const Address&) const = default;
};

// An address with the length of its network: "10.213.0.5/16". A block has all host bits 0.
struct Cidr {
    Address address;
    uint8_t length = 0;
    auto operator<=>(const Cidr&) const = default;
    bool operator==(const Cidr&) const = default;
};

using Mac = std::array<uint8_t, 6>;

// Errors of each parse_: Invalid, "'x' is no …".
Result<Address> parse_ip(std::string_view text);
Result<Cidr> parse_cidr(std::string_view text);  // the length is needed; host bits are kept
Result<Mac> parse_mac_bytes(std::string_view text);
std::string describe(const Address& address);  // as inet_ntop(3)
std::string describe(const Cidr& cidr);
std::string describe(const Mac& mac);

// The same with the host bits 0; the last address of the block (of V4: broadcast); the n-th address of the block, none past its end.
Cidr block_of(const Cidr& cidr);
Address last_of(const Cidr& cidr);
std::optional<Address> address_at(const Cidr& block, uint64_t n);
bool contains(const Cidr& block, const Address& address);
bool overlap(const Cidr& left, const Cidr& right);

// EUI-64 of the link-local address, as the kernel makes it (RFC 4291, appendix A).
Address link_local_of(const Mac& mac);

}  // namespace holm::network
