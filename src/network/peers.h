// Peers: the other hosts that a VXLAN joins: what a peers_file may say, and what of it holds. Values; pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/address.h"

namespace holm::network {

inline constexpr size_t most_peers = 256;
inline constexpr size_t most_peers_bytes = 64 << 10;  // of a peers_file

// An address that one host can have: not the unspecified, loopback, link-local or a group's. Errors: Invalid.
Result<Address> parse_peer(std::string_view text);

// An address a line, of the family of `local`; '#' begins a comment. Each once, sorted, without `local` itself, so that all hosts can have
// the same file. Errors: Invalid, with file and line.
Result<std::vector<Address>> parse_peers(std::string_view text, const std::string& path, const Address& local);

// Where the tunnels of a network lead now: /run/holm/networks/NAME/peers.toml, for a network with a peers_file.
struct Peers {
    std::vector<Address> addresses;
    std::string problem;  // why these are not what the file says, in a sentence; "": they are
    bool operator==(const Peers&) const = default;
};
std::string describe_peers(const Peers& peers);  // TOML
Result<Peers> read_peers(std::string_view text, const std::string& path);

}  // namespace holm::network
