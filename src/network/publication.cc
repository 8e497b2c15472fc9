// What [[network]] publish says, as numbers.
#include "network/publication.h"

#include <algorithm>

#include "base/text.h"
#include "machine/network_grammar.h"
#include "network/relayed.h"

namespace holm::network {

namespace {

std::pair<uint16_t, uint16_t> ports_of(std::string_view text)
{
    const size_t dash = text.find('-');
    const uint64_t first = parse_number(text.substr(0, dash), 65535).value_or(0);
    const uint64_t last = dash == text.npos ? first : parse_number(text.substr(dash + 1), 65535).value_or(0);
    return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

std::string describe_ports(uint16_t first, uint16_t last)
{
    return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

// Of the addresses that a publication answers on: "" both families, an unspecified address all of its family.
bool share_address(const std::string& left, const std::string& right)
{
    if (left.empty() || right.empty() || left == right) return true;
    const bool v6 = left.contains(':');
    if (v6 != right.contains(':')) return false;
    const std::string_view any = v6 ? "::" : "0.0.0.0";
    return left == any || right == any;
}

bool has_family(const Endpoint& endpoint, Family family)
{
    return std::ranges::any_of(endpoint.addresses, [&](const Cidr& one) { return one.address.family == family; });
}

}  // namespace

Result<Publication> parse_published(std::string_view text)
{
    TRY(machine::parse_publication(text));
    Publication published{.protocol = "tcp", .address = {}};
    if (const size_t slash = text.rfind('/'); slash != text.npos) {
        published.protocol = text.substr(slash + 1);
        text = text.substr(0, slash);
    }
    const size_t inside = text.rfind(':'), outside = text.rfind(':', inside - 1);
    std::string_view ports = text.substr(0, inside);
    if (outside != text.npos) {
        std::string_view address = text.substr(0, outside);
        if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
        published.address = describe(TRY(parse_ip(address)));
        ports = text.substr(outside + 1, inside - outside - 1);
    }
    std::tie(published.host_first, published.host_last) = ports_of(ports);
    std::tie(published.first, published.last) = ports_of(text.substr(inside + 1));
    return published;
}

std::string describe(const Publication& published)
{
    const std::string& address = published.address;
    const std::string before = address.empty() ? "" : address.contains(':') ? fmt::format("[{}]:", address) : address + ":";
    return fmt::format("{}{}:{}/{}", before, describe_ports(published.host_first, published.host_last),
                       describe_ports(published.first, published.last), published.protocol);
}

bool collide(const Publication& left, const Publication& right)
{
    return left.protocol == right.protocol && share_address(left.address, right.address) && left.host_first <= right.host_last &&
           right.host_first <= left.host_last;
}

bool collide(const Publication& published, const Listener& listener)
{
    return published.protocol == listener.protocol && share_address(published.address, listener.address) &&
           published.host_first <= listener.port && listener.port <= published.host_last;
}

Result<> check_free(const Publication& published, std::span<const Listener> listeners, const std::string& origin)
{
    auto taken = std::ranges::find_if(listeners, [&](const Listener& one) { return collide(published, one); });
    if (taken == listeners.end()) return {};
    const std::string where = taken->address.empty()         ? "all addresses"
                              : taken->address.contains(':') ? fmt::format("[{}]", taken->address)
                                                             : taken->address;
    Error busy = error(Errc::Busy,
                       "the published port '{0}'{1} is in use: a program of the host listens at port {2} of {3} ({4}); stop it ('ss -lnp "
                       "sport = :{2}' as root names it), or publish another port",
                       describe(published), origin, taken->port, where, taken->protocol);
    busy.sys_errno = EADDRINUSE;
    return busy;
}

Result<> check_published(const Endpoint& endpoint, const Publication& published, const std::string& origin)
{
    const std::string text = describe(published);
    const unsigned count = published.host_last - published.host_first + 1U;
    const Result<Address> address = parse_ip(published.address);
    const bool relayed = address && is_loopback(*address);
    if (relayed && count > most_relayed_ports)
        return error(Errc::Invalid, "the published range '{}'{} has more than {} ports, the most that the host's loopback can have", text,
                     origin, most_relayed_ports);
    if (published.host_first != published.first && count > most_shifted_ports)
        return error(Errc::Invalid,
                     "the published range '{}'{} has more than {} ports; a longer one must have the same ports outside and inside", text,
                     origin, most_shifted_ports);
    const bool any = published.address.empty() || relayed, v6 = published.address.contains(':');
    if ((any && endpoint.addresses.empty()) || (!any && !has_family(endpoint, v6 ? Family::V6 : Family::V4)))
        return error(Errc::Invalid, "the port '{}'{} cannot be published: the machine has no {}address on network '{}'", text, origin,
                     any  ? ""
                     : v6 ? "IPv6 "
                          : "IPv4 ",
                     endpoint.network);
    return {};
}

}  // namespace holm::network
