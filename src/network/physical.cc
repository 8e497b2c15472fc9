#include "network/physical.h"

#include <algorithm>

#include "base/text.h"

namespace holm::network {

namespace {

constexpr std::string_view prefix = "physical:";
constexpr int first_inner_index = 1 << 30;
constexpr size_t longest_name = 15;

}  // namespace

bool is_physical(std::string_view network)
{
    return network.starts_with(prefix);
}

std::string name_of_physical(std::string_view network)
{
    return std::string(network.substr(std::min(prefix.size(), network.size())));
}

Result<> check_physical(const std::string& asked, const FoundLink& found, const std::string& origin)
{
    const std::string what = fmt::format("interface '{}'{}", printable(asked), origin);
    if (asked.size() > longest_name) return error(Errc::Invalid, "{} is none: a name has at most {} characters", what, longest_name);
    if (found.is_inside) return error(Errc::Busy, "{} is in machine '{}': it is back when that has ended", what, found.machine);
    if (found.name.empty()) return error(Errc::NotFound, "{} is not on the host: 'ip link' lists those that are", what);
    if (found.is_loopback) return error(Errc::Invalid, "{} is the host's loopback, which stays: each machine has its own", what);
    if (!found.network.empty()) return error(Errc::Invalid, "{} is of network '{}' of holm: name the network instead", what, found.network);
    if (!found.machine.empty()) return error(Errc::Busy, "{} is used by machine '{}': disconnect that first", what, found.machine);
    if (!found.master.empty())
        return error(Errc::Invalid, "{} is a port of '{}': take it out of that first ('ip link set {} nomaster')", what,
                     printable(found.master), printable(asked));
    if (found.link.kind == "bridge")
        return error(Errc::Invalid, "{} is a bridge, which the kernel does not move: bridge:{} makes the machine a port of it", what,
                     printable(asked));
    if (found.has_default_route)
        return error(Errc::Invalid, "{} carries the host's default route: without it the host is cut off; remove that route first", what);
    return {};
}

int inner_index(const HostLink& link)
{
    return first_inner_index | link.index;
}

std::string passing_name(const HostLink& link)
{
    return fmt::format("holm{:x}", static_cast<unsigned>(inner_index(link)));
}

std::string free_name(const std::string& name)
{
    constexpr std::string_view number = "-%d";
    return fmt::format("{}{}", name.substr(0, longest_name - number.size() - 1), number);
}

bool has_moved(const Plan& plan)
{
    return std::ranges::find(plan.endpoints, EndpointType::Physical, &Endpoint::type) != plan.endpoints.end();
}

}  // namespace holm::network
