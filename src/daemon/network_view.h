// NetworkView: a network as clients see it: of its definition, of what was drawn for it, and of the machines that are on it. Reads files
// of holm alone.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "daemon/lifecycle.h"
#include "network/segment.h"

namespace holm::daemon {

// One machine's interface on it: machine, interface, MAC, addresses.
using NetworkMember = std::tuple<std::string, std::string, std::string, std::vector<std::string>>;

struct NetworkView {
    std::string name, definition;  // the path of its file; "": it was removed by hand
    bool up = false;
    std::optional<network::Segment> segment;  // none: nothing was drawn for it yet
    std::vector<NetworkMember> members;       // sorted

    std::vector<std::string> subnets() const, gateways() const, machines() const;
    bool operator==(const NetworkView&) const = default;
};

// Errors: NotFound, with the nearest name.
Result<NetworkView> find_network_view(const Host& host, const Lifecycle& lifecycle, const std::string& name);
// All that are defined, were drawn or are up, sorted by name. A folder that cannot be read is said and taken for empty.
std::vector<NetworkView> list_network_views(const Host& host, const Lifecycle& lifecycle);

std::string network_path(const std::string& name);  // "/org/holm1/network/lan"

}  // namespace holm::daemon
