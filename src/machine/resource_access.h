// What [resources] says of a unit's access to addresses, ports, interfaces and devices, as systemd.resource-control(5) writes it:
// text ⇄ value. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "machine/unit_property.h"

namespace holm::machine {

// Errors of every parse_ here: Invalid, "'x' must be …".

// "10.0.0.0/8", "::1"; without a length the whole address.
Result<UnitProperty::Prefix> parse_prefix(std::string_view text);
std::string describe_prefix(const UnitProperty::Prefix& prefix);
// Prefixes with spaces between them, and the words any, localhost, link-local and multicast.
Result<UnitProperty::Prefixes> parse_prefixes(std::string_view text);

// "any", "tcp", "ipv6:udp:1000-2000", "80": [FAMILY:][PROTOCOL:][PORT[-PORT]].
Result<UnitProperty::Port> parse_bind_port(std::string_view text);
std::string describe_bind_port(const UnitProperty::Port& port);

// "eth0 eth1": these alone; "~eth0": all but this.
Result<UnitProperty::Interfaces> parse_interfaces(std::string_view text);
std::string describe_interfaces(const UnitProperty::Interfaces& interfaces);

// "/dev/fuse rw", "char-pts r", "block-loop"; without letters all three.
Result<UnitProperty::Pairs> parse_device_access(std::string_view text);
// "egress:/sys/fs/bpf/x".
Result<UnitProperty::Pairs> parse_program(std::string_view text);

}  // namespace holm::machine
