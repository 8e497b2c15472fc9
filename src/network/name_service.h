// NameService: what dnsmasq(8) of a network is told: its configuration, and a hosts file and a DHCP hosts file a machine. Pure.
#pragma once

#include <string>
#include <vector>

#include "network/plan.h"
#include "network/segment.h"

namespace holm::network {

// /run/holm/networks/NAME/dnsmasq.conf: own user, bound to the bridge's gateways alone, no /etc/hosts of the host, no TFTP, no scripts, no
// lease file of its own; host and dhcp folders watched by inotify (hostsdir, dhcp-hostsdir); upstream from the host's resolv.conf;
// `isolated`: no upstream. DHCPv4 static only; RA with SLAAC off and DHCPv6 static where the segment has an IPv6 subnet.
inline constexpr const char* name_service_program = "/usr/sbin/dnsmasq";
std::string describe_dnsmasq(const Segment& segment, const std::string& folder, const std::string& host_name);
// hosts/MACHINE: "10.213.0.5 web web.holm alias alias.holm"; "" where the machine is not on it.
std::string describe_hosts(const Segment& segment, const std::string& machine, const Endpoint& endpoint);
// dhcp/MACHINE: "02:…,10.213.0.5,[fd00::…],web,infinite".
std::string describe_dhcp(const Segment& segment, const std::string& machine, const Endpoint& endpoint);

}  // namespace holm::network
