#include "network/apply_host.h"

#include <linux/netfilter.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "base/undo.h"
#include "kernel/firewall.h"
#include "kernel/link.h"
#include "kernel/nft_sets.h"
#include "kernel/sysctl.h"
#include "network/apply_machine.h"
#include "network/apply_tunnel.h"
#include "network/ip_bytes.h"

namespace holm::network {

namespace {

using kernel::Link;
using kernel::Sysctl;

constexpr int gateway_attempts = 20;
constexpr unsigned gateway_pause = 250;  // microseconds

bool has_family(const Segment& segment, Family family)
{
    return std::ranges::any_of(segment.subnets, [&](const Subnet& subnet) { return subnet.block.address.family == family; });
}

// A bridge without one takes that of a port, and changes it with its ports. FNV-1a of what the network is, so that the same network has
// the same one on its next day.
Mac mac_of(const Segment& segment)
{
    std::string identity = segment.name;
    for (const Subnet& subnet : segment.subnets) identity += " " + describe(subnet.gateway);
    // One of several hosts: what the others send to theirs is not for this one.
    if (segment.tunnel.id != 0) identity += " " + describe(segment.tunnel.local);
    uint64_t hash = 0xcbf29ce484222325;
    for (char letter : identity) hash = (hash ^ static_cast<uint8_t>(letter)) * 0x100000001b3;
    Mac mac{0x02};  // locally administered
    for (size_t i = 1; i < mac.size(); ++i) mac[i] = static_cast<uint8_t>(hash >> (8 * i));
    return mac;
}

Result<> check_foreign(const Segment& segment, const std::optional<Link>& link)
{
    if (segment.ours) {
        if (!link || (link->kind == "bridge" && link->alias == mark_of(segment))) return {};
        return error(Errc::Exists, "network '{}': there is an interface '{}' already, which is not holm's", segment.name, link->name);
    }
    if (!link) return error(Errc::NotFound, "network '{}': there is no interface '{}'", segment.name, printable(segment.interface));
    if (link->kind != "bridge") return error(Errc::Invalid, "network '{}': interface '{}' is no bridge", segment.name, link->name);
    return {};
}

std::string sysctl_path(Family family, const std::string& interface, const char* key)
{
    return fmt::format("net/{}/conf/{}/{}", family == Family::V4 ? "ipv4" : "ipv6", interface, key);
}

// A machine on the bridge is not to teach the host routes (CVE-2020-13401). accept_dad: its link-local address comes with its first port
// and is to be there at once.
std::vector<Sysctl> sysctls_of(const Segment& segment)
{
    const std::string& interface = segment.interface;
    std::vector<Sysctl> wanted{{sysctl_path(Family::V4, interface, "accept_redirects"), "0"}};
    // Of an isolated one the firewall is the judge: the host's own switch sets this for every interface.
    if (!segment.isolated) wanted.push_back({sysctl_path(Family::V4, interface, "forwarding"), "1"});
    bool has_v6 = has_family(segment, Family::V6);
    if (!has_v6 && !kernel::has_sysctl("net/ipv6")) return wanted;
    wanted.push_back({sysctl_path(Family::V6, interface, "disable_ipv6"), has_v6 ? "0" : "1"});
    for (const char* key : {"accept_ra", "accept_redirects", "accept_dad"})
        wanted.push_back({sysctl_path(Family::V6, interface, key), "0"});
    if (has_v6 && !segment.isolated) wanted.push_back({sysctl_path(Family::V6, interface, "forwarding"), "1"});
    return wanted;
}

// Once the host forwards IPv6, an interface that learns its routes from a router goes on doing so only with the value 2.
std::vector<Sysctl> find_learning()
{
    std::vector<Sysctl> learning;
    std::error_code failure;
    for (auto& entry : std::filesystem::directory_iterator("/proc/sys/net/ipv6/conf", failure)) {
        const std::string name = entry.path().filename();
        if (name == "all" || name == "default") continue;  // the default would teach every later interface to
        const std::string path = sysctl_path(Family::V6, name, "accept_ra");
        auto value = kernel::read_sysctl(path);
        if (value && *value == "1") learning.push_back({path, "2"});
    }
    return learning;
}

// What is to be written so that the host forwards what the network sends: nothing where it does.
Result<std::vector<Sysctl>> find_forwarding(const Segment& segment)
{
    std::vector<Sysctl> missing;
    if (segment.isolated) return missing;
    if (has_family(segment, Family::V4)) missing = TRY(kernel::find_different({{"net/ipv4/ip_forward", "1"}}));
    if (!has_family(segment, Family::V6)) return missing;
    const std::vector<Sysctl> forwarding = TRY(kernel::find_different({{"net/ipv6/conf/all/forwarding", "1"}}));
    if (forwarding.empty()) return missing;
    const std::vector<Sysctl> learning = find_learning();
    missing.insert(missing.end(), learning.begin(), learning.end());  // before the host forwards: it forgets its routes at that moment
    missing.insert(missing.end(), forwarding.begin(), forwarding.end());
    return missing;
}

// What differs from what it is to be, as the requests that change it.
Result<std::vector<kernel::NetlinkRequest>> find_changes(kernel::Netlink& netlink, const Segment& segment, const Link& link)
{
    std::vector<kernel::NetlinkRequest> changes;
    kernel::LinkChange change{.name = link.name, .up = true};
    if (link.mac != mac_of(segment)) change.mac = mac_of(segment);
    if (segment.mtu && link.mtu != segment.mtu) change.mtu = segment.mtu;
    if (!link.up || change.mac || change.mtu) changes.push_back(kernel::link_request(change));
    const std::vector<kernel::LinkAddress> addresses = TRY(kernel::list_addresses(netlink, link.index));
    for (const Subnet& subnet : segment.subnets) {
        const Cidr gateway{subnet.gateway, subnet.block.length};
        kernel::NewAddress wanted{.index = link.index,
                                  .address = bytes_of(gateway.address),
                                  .broadcast = broadcast_of(gateway),
                                  .length = gateway.length,
                                  .name = link.name};
        bool has = std::ranges::any_of(addresses, [&](const kernel::LinkAddress& address) {
            return address.address == wanted.address && address.length == wanted.length && !address.tentative;
        });
        if (!has) changes.push_back(kernel::address_request(wanted));
    }
    return changes;
}

// Both steps in one system call, so that no end of this process leaves a bridge that nobody knows.
Result<Link> make_bridge(kernel::Netlink& netlink, const Segment& segment)
{
    const kernel::NetlinkRequest steps[] = {kernel::bridge_request({.name = segment.interface, .mac = mac_of(segment), .mtu = segment.mtu}),
                                            kernel::link_request({.name = segment.interface, .alias = mark_of(segment)})};
    TRY(netlink.change(steps));
    auto made = TRY(kernel::find_link(netlink, segment.interface));
    if (!made) return error(Errc::Failed, "interface '{}' is gone again", segment.interface);
    return std::move(*made);
}

Result<> write_sysctls(const std::vector<Sysctl>& sysctls)
{
    for (const Sysctl& sysctl : sysctls) TRY(kernel::write_sysctl(sysctl));
    return {};
}

// A gateway of IPv6 answers only once a worker of the kernel has made its route; what is asked of it before is lost for a second.
Result<> wait_for_gateways(kernel::Netlink& netlink, const Segment& segment)
{
    for (const Subnet& subnet : segment.subnets) {
        if (subnet.gateway.family == Family::V4) continue;
        for (int attempt = 0; attempt < gateway_attempts; ++attempt) {
            if (TRY(kernel::has_local(netlink, bytes_of(subnet.gateway)))) break;
            ::usleep(gateway_pause);
        }
    }
    return {};
}

Result<> configure(kernel::Netlink& netlink, const Segment& segment, const Link& link)
{
    const std::vector<Sysctl> own = TRY(kernel::find_different(sysctls_of(segment)));
    TRY(write_sysctls(own));  // first: where IPv6 is off no address of it can be given
    const auto changes = TRY(find_changes(netlink, segment, link));
    TRY(netlink.change(changes));
    if (!changes.empty()) TRY(wait_for_gateways(netlink, segment));
    TRY(bring_up_tunnel(netlink, segment, link));
    const std::vector<Sysctl> forwarding = TRY(find_forwarding(segment));
    return write_sysctls(forwarding);
}

Result<> check_ipv6(const Segment& segment)
{
    if (!has_family(segment, Family::V6) || kernel::has_sysctl("net/ipv6")) return {};
    return error(Errc::NotSupported, "network '{}' has a subnet of IPv6, which this kernel has not", segment.name);
}

}  // namespace

Result<> bring_up(const Segment& segment)
{
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    auto link = TRY(kernel::find_link(netlink, segment.interface));
    TRY(check_foreign(segment, link));
    if (!segment.ours) return {};
    TRY(check_ipv6(segment));
    const std::string what = fmt::format("network '{}'", segment.name);
    if (link) {
        TRY(configure(netlink, segment, *link), what);
        return {};
    }
    const Link made = TRY(make_bridge(netlink, segment), what);
    Undo removal([&] {
        (void)take_down_tunnel(netlink, segment);
        (void)kernel::remove_link(netlink, made);
    });
    TRY(configure(netlink, segment, made), what);
    removal.keep();
    return {};
}

Result<> take_down(const Segment& segment)
{
    if (!segment.ours) return {};
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    auto link = TRY(kernel::find_link(netlink, segment.interface));
    TRY(check_foreign(segment, link));
    TRY(take_down_tunnel(netlink, segment));
    return link ? kernel::remove_link(netlink, *link) : Result<>();
}

Result<> attach_ports(const Segment& segment, std::span<const Endpoint> endpoints)
{
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    auto bridge = TRY(kernel::find_link(netlink, segment.interface));
    for (const Endpoint& endpoint : endpoints) {
        if (endpoint.network != segment.name) continue;
        auto port = TRY(kernel::find_link(netlink, endpoint.host_interface));
        if (!bridge || !port || port->master == bridge->index) continue;
        TRY(netlink.change(kernel::link_request({.name = port->name, .up = true, .master = bridge->index})));
        TRY(allow_hairpin(endpoint));
    }
    return {};
}

Result<bool> has_bridge(const Segment& segment)
{
    if (!segment.ours) return true;
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    return TRY(kernel::find_link(netlink, segment.interface)).has_value() && TRY(has_tunnel(netlink, segment));
}

Result<bool> is_up(const Segment& segment)
{
    kernel::Netlink netlink = TRY(kernel::open_netlink());
    auto link = TRY(kernel::find_link(netlink, segment.interface));
    if (!link) return false;
    TRY(check_foreign(segment, link));
    if (!segment.ours) return true;
    return TRY(kernel::find_different(sysctls_of(segment))).empty() && TRY(find_forwarding(segment)).empty() &&
           TRY(find_changes(netlink, segment, *link)).empty();
}

Result<> apply_ruleset(const std::string& text)
{
    return kernel::run_ruleset(text);
}

Result<> apply_ruleset(const RulesetChange& change)
{
    if (!change.entries_alone || change.entries.size() > kernel::most_set_changes) return apply_ruleset(change.text);
    std::vector<kernel::SetChange> changes;
    for (const auto& [element, removes] : change.entries)
        changes.push_back({.family = element.table == Table::Inet ? uint8_t{NFPROTO_INET} : uint8_t{NFPROTO_BRIDGE},
                           .table = "holm",
                           .set = element.set,
                           .first = first_of(element.key),
                           .last = last_of(element.key),
                           .value = first_of(element.value),
                           .joined = element.key.size() > 1,
                           .removes = removes});
    return kernel::change_sets(changes);
}

Result<bool> has_ruleset()
{
    return TRY(kernel::has_table(NFPROTO_INET, "holm")) && TRY(kernel::has_table(NFPROTO_BRIDGE, "holm"));
}

}  // namespace holm::network
