// Stations: where the machines of a VXLAN's other hosts are: what the hosts announce of them beside their names (network/announcement), as
// comments of the same lines, "# 10.77.0.5 02:00:5e:10:00:05", so that dnsmasq passes them over. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "network/address.h"

namespace holm::network {

struct Station {
    Address host;  // the local address of its host, to which frames for it go
    Address address;
    Mac mac{};
    bool operator==(const Station&) const = default;
};

// The line of one, without its end; and what it says of address and MAC. Errors: Invalid.
std::string describe_station(const Address& address, const Mac& mac);
Result<Station> parse_station_line(std::string_view line);

// Those of `others`, by host. One that two hosts have, or this one by its `own` lines, is left out: a machine that moves is for a while
// on both, and then frames say where it is.
std::vector<Station> find_stations(std::string_view own, const std::map<Address, std::string>& others);

}  // namespace holm::network
