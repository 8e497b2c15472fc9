#include "network/apply_machine.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "base/undo.h"
#include "kernel/link.h"
#include "kernel/sysctl.h"
#include "kernel/traffic.h"
#include "network/ip_bytes.h"

namespace holm::network {

namespace {

using kernel::Link;
using kernel::LinkLocal;
using kernel::Netlink;
using kernel::NetlinkRequest;

constexpr uint32_t least_mtu_of_ipv6 = 1280;
constexpr int most_bridge_ports = 1023;  // BR_MAX_PORTS of net/bridge/br_private.h, and 0 is none
constexpr int leftover_attempts = 3;
constexpr int operational_attempts = 20;
constexpr unsigned operational_pause = 250;  // microseconds

std::string describe_endpoint(const Endpoint& endpoint)
{
    if (!endpoint.network.empty()) return fmt::format("interface '{}' on network '{}'", endpoint.interface, endpoint.network);
    if (!endpoint.parent.empty()) return fmt::format("interface '{}' on '{}'", endpoint.interface, endpoint.parent);
    return fmt::format("interface '{}'", endpoint.interface);
}

// Of an endpoint that has none: what is not there is index 0.
Result<Link> find_parent(Netlink& host, const Endpoint& endpoint)
{
    if (endpoint.parent.empty()) return Link{};
    auto parent = TRY(kernel::find_link(host, endpoint.parent));
    if (!parent) return error(Errc::NotFound, "there is no interface '{}' on the host", printable(endpoint.parent));
    if (endpoint.type == EndpointType::Bridge && parent->kind != "bridge")
        return error(Errc::Invalid, "interface '{}' of the host is no bridge", printable(endpoint.parent));
    return std::move(*parent);
}

// By which the host limits what the machine sends.
std::string helper_of(const Endpoint& endpoint)
{
    return "hi" + endpoint.host_interface.substr(2);
}

// The namespace of an earlier boot may still be dying, and its pair with it. True: there was one, and it is gone.
Result<bool> remove_leftover(Netlink& host, const std::string& name, std::string_view kind = "veth")
{
    auto link = TRY(kernel::find_link(host, name));
    if (!link || link->kind != kind) return false;
    TRY(kernel::remove_link(host, *link));
    return true;
}

// One of the host's names that is taken by another than an end of a pair, or a name that the machine has twice, stays an error.
Result<> add_pair(Netlink& host, const NetlinkRequest& pair, const Endpoint& endpoint)
{
    for (int attempt = 0; attempt < leftover_attempts; ++attempt) {
        auto made = host.change(pair);
        if (!made && made.error().sys_errno == EXFULL)
            return error(Errc::Busy,
                         "bridge '{}' has {} ports, as many as the kernel gives one: stop a machine that is on it, or put this one on a "
                         "network of its own",
                         printable(endpoint.parent), most_bridge_ports);
        if (made || made.error().sys_errno != EEXIST) return made;
        if (!TRY(remove_leftover(host, endpoint.host_interface))) return made;
    }
    return error(Errc::Busy, "interface '{}' of the host is made again and again by somebody else", endpoint.host_interface);
}

// The outer end has the bridge's MTU whatever the machine's is: a bridge takes the least of its ports'.
Result<> make_pair(Netlink& host, const Endpoint& endpoint, const Link& parent, int pid)
{
    const uint32_t outer_mtu = parent.mtu ? parent.mtu : endpoint.mtu, inner_mtu = endpoint.mtu ? endpoint.mtu : outer_mtu;
    // It is a port, no interface of the host's: the host has no address on it.
    bool has_ipv6 = (!outer_mtu || outer_mtu >= least_mtu_of_ipv6) && kernel::has_sysctl("net/ipv6");
    const NetlinkRequest pair = kernel::veth_request({.outer = endpoint.host_interface,
                                                      .inner = endpoint.interface,
                                                      .pid = pid,
                                                      .inner_mac = endpoint.mac,
                                                      .master = parent.index,
                                                      .outer_mtu = outer_mtu,
                                                      .inner_mtu = inner_mtu});
    TRY(add_pair(host, pair, endpoint));
    auto up = host.change(
        kernel::link_request({.name = endpoint.host_interface, .up = true, .link_local = has_ipv6 ? LinkLocal::ByHand : LinkLocal::Keep}));
    if (!up) (void)remove_leftover(host, endpoint.host_interface);
    return up;
}

// At the host's end, where the machine has no hand: what comes to it the end sends, and the other way round.
Result<> limit_rates(Netlink& host, const Endpoint& endpoint)
{
    if (endpoint.ingress == 0 && endpoint.egress == 0) return {};
    auto end = TRY(kernel::find_link(host, endpoint.host_interface));
    if (!end) return error(Errc::Failed, "interface '{}' is gone again", endpoint.host_interface);
    if (endpoint.ingress) TRY(kernel::limit_sending(host, *end, endpoint.ingress));
    if (!endpoint.egress) return {};
    TRY(remove_leftover(host, helper_of(endpoint), "ifb"));
    return kernel::limit_receiving(host, *end, endpoint.egress, helper_of(endpoint));
}

Result<> make_interface(Netlink& host, const Endpoint& endpoint, int pid)
{
    if (endpoint.type == EndpointType::Physical) return {};  // move_in has brought it
    const Link parent = TRY(find_parent(host, endpoint));
    switch (endpoint.type) {
    case EndpointType::Bridge:
    case EndpointType::Veth: return make_pair(host, endpoint, parent, pid);
    case EndpointType::Macvlan:
        return host.change(kernel::macvlan_request({.inner = endpoint.interface,
                                                    .parent = endpoint.parent,
                                                    .parent_index = parent.index,
                                                    .pid = pid,
                                                    .mac = endpoint.mac,
                                                    .mtu = endpoint.mtu}));
    case EndpointType::Ipvlan:
        return host.change(kernel::ipvlan_request(
            {.inner = endpoint.interface, .parent = endpoint.parent, .parent_index = parent.index, .pid = pid, .mtu = endpoint.mtu}));
    case EndpointType::Physical: break;
    }
    return {};
}

// An interface in the machine's namespace, and what is to be said to it in one go.
struct Inner {
    const Endpoint& endpoint;
    int index = 0;
    std::vector<NetlinkRequest>& requests;
};

void add_address(const Inner& inner, const Cidr& address)
{
    inner.requests.push_back(kernel::address_request({.index = inner.index,
                                                      .address = bytes_of(address.address),
                                                      .broadcast = broadcast_of(address),
                                                      .length = address.length,
                                                      .name = inner.endpoint.interface}));
}

// The link-local address too is usable at once only where it is given so; later ones are again the kernel's, by the same rule.
void bring_up_inner(const Inner& inner)
{
    const Endpoint& endpoint = inner.endpoint;
    bool has_v6 = std::ranges::any_of(endpoint.addresses, [](const Cidr& cidr) { return cidr.address.family == Family::V6; });
    inner.requests.push_back(
        kernel::link_request({.name = endpoint.interface, .up = true, .link_local = has_v6 ? LinkLocal::ByHand : LinkLocal::Keep}));
    if (has_v6) {
        add_address(inner, {.address = link_local_of(endpoint.mac), .length = 64});
        inner.requests.push_back(kernel::link_request({.name = endpoint.interface, .link_local = LinkLocal::OfTheMac}));
    }
    for (const Cidr& address : endpoint.addresses) add_address(inner, address);
}

bool is_on_link(const Endpoint& endpoint, const Address& gateway)
{
    bool link_local = gateway.family == Family::V6 && gateway.bytes[0] == 0xfe && (gateway.bytes[1] & 0xc0) == 0x80;
    return link_local || std::ranges::any_of(endpoint.addresses, [&](const Cidr& address) { return contains(address, gateway); });
}

void add_routes(const Inner& inner, std::set<Family>& routed)
{
    for (const Address& gateway : inner.endpoint.gateways) {
        if (!routed.insert(gateway.family).second) continue;
        inner.requests.push_back(kernel::default_route_request({.index = inner.index,
                                                                .gateway = bytes_of(gateway),
                                                                .on_link = !is_on_link(inner.endpoint, gateway),
                                                                .name = inner.endpoint.interface}));
    }
}

// All of the machine's side in one system call.
Result<> configure_inside(Netlink& machine, const Plan& plan)
{
    std::vector<NetlinkRequest> requests{kernel::link_request({.name = "lo", .up = true})};
    std::set<Family> routed;
    for (const Endpoint& endpoint : plan.endpoints) {
        auto link = TRY(kernel::find_link(machine, endpoint.interface));
        if (!link) return error(Errc::Failed, "{} is gone again", describe_endpoint(endpoint));
        const Inner inner{.endpoint = endpoint, .index = link->index, .requests = requests};
        bring_up_inner(inner);
        add_routes(inner, routed);
    }
    return machine.change(requests);
}

// Of one that is down there is nothing to wait for.
Result<bool> is_operational(Netlink& netlink, const std::string& name)
{
    auto link = TRY(kernel::find_link(netlink, name));
    return !link || !link->up || link->operational;
}

Result<bool> has_addresses(Netlink& machine, const Endpoint& endpoint)
{
    for (const Cidr& cidr : endpoint.addresses)
        if (cidr.address.family == Family::V6 && !TRY(kernel::has_local(machine, bytes_of(cidr.address)))) return false;
    return true;
}

// A pair that has just come up, a bridge with its first port and an address of IPv6 lose packets until a worker of the kernel has seen
// them, and what is lost of ARP or neighbour discovery costs a second. From 6.8 on to ask for a link lets the kernel see it.
Result<> wait_until_operational(Netlink& host, Netlink& machine, const Endpoint& endpoint)
{
    if (endpoint.host_interface.empty()) return {};  // as slow as its parent
    for (int attempt = 0; attempt < operational_attempts; ++attempt) {
        bool inner = TRY(is_operational(machine, endpoint.interface)), outer = TRY(is_operational(host, endpoint.host_interface));
        bool parent = endpoint.parent.empty() || TRY(is_operational(host, endpoint.parent));
        if (inner && outer && parent && TRY(has_addresses(machine, endpoint))) return {};
        ::usleep(operational_pause);
    }
    return {};
}

// A macvlan or ipvlan has none.
Result<> remove_ends(Netlink& host, const Endpoint& endpoint)
{
    if (endpoint.host_interface.empty()) return {};
    TRY(remove_leftover(host, endpoint.host_interface));
    if (endpoint.egress) TRY(remove_leftover(host, helper_of(endpoint), "ifb"));
    return {};
}

Result<> bring_up_loopback()
{
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return sys_error("cannot make a socket");
    ifreq request{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {.ifru_flags = IFF_UP}};
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request)) return sys_error("cannot bring up the loopback interface");
    return {};
}

}  // namespace

Result<> apply_outside(const Plan& plan, int pid, int network_namespace)
{
    if (plan.kind != Kind::Endpoints) return {};
    Netlink host = TRY(kernel::open_netlink());
    std::vector<Endpoint> made;
    // The inner ends would go with the namespace, but only at some later moment.
    Undo removal([&] {
        for (const Endpoint& endpoint : made) (void)remove_ends(host, endpoint);
    });
    for (const Endpoint& endpoint : plan.endpoints) {
        TRY(make_interface(host, endpoint, pid), describe_endpoint(endpoint));
        made.push_back(endpoint);
        TRY(limit_rates(host, endpoint), describe_endpoint(endpoint));
        TRY(allow_hairpin(endpoint), describe_endpoint(endpoint));
    }
    Netlink machine = TRY(kernel::open_netlink_in(network_namespace));
    TRY(configure_inside(machine, plan));
    for (const Endpoint& endpoint : plan.endpoints) TRY(wait_until_operational(host, machine, endpoint));
    removal.keep();
    return {};
}

// A machine that reaches its own published port does so by its own port of the bridge, which else gives nothing back to where it came
// from; so it is where br_netfilter turns the address before the bridge looks.
Result<> allow_hairpin(const Endpoint& endpoint)
{
    if (endpoint.type != EndpointType::Bridge || endpoint.published.empty()) return {};
    return write_value(fmt::format("/sys/class/net/{}/brport/hairpin_mode", endpoint.host_interface), "1");
}

Result<> change_rates(const Endpoint& endpoint)
{
    if (endpoint.host_interface.empty()) return {};
    Netlink host = TRY(kernel::open_netlink());
    auto end = TRY(kernel::find_link(host, endpoint.host_interface), describe_endpoint(endpoint));
    if (!end) return error(Errc::Failed, "interface '{}' is gone", endpoint.host_interface);
    TRY(kernel::unlimit(host, *end), describe_endpoint(endpoint));
    TRY(remove_leftover(host, helper_of(endpoint), "ifb"));
    TRY(limit_rates(host, endpoint), describe_endpoint(endpoint));
    return {};
}

Result<> change_routes(const Plan& plan, int network_namespace)
{
    Netlink machine = TRY(kernel::open_netlink_in(network_namespace));
    std::vector<NetlinkRequest> requests;
    std::set<Family> routed;
    for (const Endpoint& endpoint : plan.endpoints) {
        auto link = TRY(kernel::find_link(machine, endpoint.interface));
        if (link && link->up) add_routes({.endpoint = endpoint, .index = link->index, .requests = requests}, routed);
    }
    return requests.empty() ? Result<>() : machine.change(requests);
}

Result<> remove_outside(const Endpoint& endpoint)
{
    Netlink host = TRY(kernel::open_netlink());
    TRY(remove_ends(host, endpoint), describe_endpoint(endpoint));
    return {};
}

Result<> remove_ended(std::span<const Plan* const> plans)
{
    Netlink host = TRY(kernel::open_netlink());
    std::vector<kernel::Link> ends;
    for (const Plan* plan : plans) {
        for (const Endpoint& endpoint : plan->endpoints) {
            if (endpoint.host_interface.empty()) continue;
            auto end = TRY(kernel::find_link(host, endpoint.host_interface), describe_endpoint(endpoint));
            if (end && end->kind == "veth") ends.push_back(std::move(*end));
        }
    }
    return kernel::remove_links_from_sight(host, ends);
}

Result<> remove_inside(const Endpoint& endpoint, int network_namespace)
{
    if (endpoint.type == EndpointType::Physical) return {};  // give_back takes it out as it is
    Netlink machine = TRY(kernel::open_netlink_in(network_namespace));
    auto link = TRY(kernel::find_link(machine, endpoint.interface), describe_endpoint(endpoint));
    return link ? kernel::remove_link(machine, *link) : Result<>();
}

Result<> apply_inside(const Plan& plan)
{
    switch (plan.kind) {
    case Kind::None: return bring_up_loopback();
    case Kind::Host:
    case Kind::Endpoints: return {};
    }
    return {};
}

}  // namespace holm::network
