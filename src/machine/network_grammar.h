// The grammars of [[network]]: addresses, rates, rules, published ports. They are checked here and read again by the planner
// of networks. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::machine {

// Errors of every parse_ here: Invalid, "'x' is no …: RULE". Each returns the text, checked.

// "none", "host", "veth", "bridge:INTERFACE", "macvlan:INTERFACE", "ipvlan:INTERFACE", "physical:INTERFACE", or the name of a definition.
Result<std::string> parse_network(std::string_view text);
// An IPv4 or IPv6 address, and `/LENGTH` if wanted; no multicast, no zone.
Result<std::string> parse_address(std::string_view text);
// A DNS domain: labels of letters, digits and inner `-`, each at most 63 bytes, together at most 253.
Result<std::string> parse_domain(std::string_view text);
// One such label: what a machine is called besides its name.
Result<std::string> parse_alias(std::string_view text);
// Six hex pairs of one station: not a group's, not all zero. As lower case.
Result<std::string> parse_mac(std::string_view text);
// Bits per second: digits and, base 1000, one of K M G T.
Result<std::string> parse_rate(std::string_view text);
// "DIRECTION PROTOCOL [PORT[-PORT]] [from|to ADDRESS[/LENGTH]]": in|out; tcp|udp|icmp|any.
Result<std::string> parse_rule(std::string_view text);
// "[ADDRESS:]PORT[-PORT]:PORT[-PORT][/tcp|/udp]", an IPv6 address in brackets, ranges of equal length.
Result<std::string> parse_publication(std::string_view text);

}  // namespace holm::machine
