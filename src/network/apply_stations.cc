#include "network/apply_stations.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include "kernel/link.h"
#include "kernel/station.h"
#include "network/ip_bytes.h"

namespace holm::network {

namespace {

using kernel::ForwardEntry;
using kernel::Neighbour;
using kernel::Netlink;
using kernel::NetlinkRequest;

// Those of each that the other has not.
template <typename Entry>
struct Difference {
    std::vector<Entry> missing, gone;
};

template <typename Entry>
Difference<Entry> compare(const std::set<Entry>& wanted, const std::vector<Entry>& listed)
{
    Difference<Entry> difference;
    const std::set<Entry> there(listed.begin(), listed.end());
    std::ranges::set_difference(wanted, there, std::back_inserter(difference.missing));
    std::ranges::set_difference(there, wanted, std::back_inserter(difference.gone));
    return difference;
}

// One that has gone by itself, or with its port, is no error.
Result<> send(Netlink& netlink, const std::vector<NetlinkRequest>& requests)
{
    for (const NetlinkRequest& request : requests)
        if (auto done = netlink.change(request); !done && done.error().sys_errno != ENOENT) return done;
    return {};
}

Result<> lead_frames(Netlink& netlink, int tunnel, std::span<const Station> stations)
{
    std::set<ForwardEntry> wanted;
    for (const Station& station : stations) wanted.insert({.mac = station.mac, .destination = bytes_of(station.host)});
    const auto change = compare(wanted, TRY(kernel::list_forwards(netlink, tunnel)));
    for (const ForwardEntry& entry : change.gone) TRY(send(netlink, kernel::remove_forward_requests(tunnel, entry)));
    for (const ForwardEntry& entry : change.missing) TRY(send(netlink, kernel::add_forward_requests(tunnel, entry)));
    return {};
}

Result<> name_neighbours(Netlink& netlink, int bridge, std::span<const Station> stations)
{
    std::set<Neighbour> wanted;
    for (const Station& station : stations) wanted.insert({.address = bytes_of(station.address), .mac = station.mac});
    const auto change = compare(wanted, TRY(kernel::list_neighbours(netlink, bridge)));
    for (const Neighbour& neighbour : change.gone) TRY(send(netlink, {kernel::remove_neighbour_request(bridge, neighbour)}));
    for (const Neighbour& neighbour : change.missing) TRY(send(netlink, {kernel::add_neighbour_request(bridge, neighbour)}));
    return {};
}

}  // namespace

Result<> lead_to_stations(const Segment& segment, std::span<const Station> stations)
{
    if (segment.tunnel.id == 0 || segment.tunnel.evpn) return {};
    Netlink netlink = TRY(kernel::open_netlink());
    const auto tunnel = TRY(kernel::find_link(netlink, segment.tunnel.interface));
    const auto bridge = TRY(kernel::find_link(netlink, segment.interface));
    if (!tunnel || !bridge || tunnel->master != bridge->index) return {};  // it is being made or taken down: this comes again
    TRY(lead_frames(netlink, tunnel->index, stations));
    return name_neighbours(netlink, bridge->index, stations);
}

}  // namespace holm::network
