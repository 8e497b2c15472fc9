#include "network/apply_flows.h"

#include <netinet/in.h>

#include <algorithm>

#include "kernel/conntrack.h"
#include "network/ip_bytes.h"

namespace holm::network {

namespace {

bool is_of(const kernel::Flow& flow, const Publication& published)
{
    const int protocol = published.protocol == "tcp" ? IPPROTO_TCP : IPPROTO_UDP;
    return flow.protocol == protocol && flow.destination_port >= published.host_first && flow.destination_port <= published.host_last;
}

bool is_of_any(const kernel::Flow& flow, std::span<const Publication> published)
{
    return std::ranges::any_of(published, [&](const Publication& one) { return is_of(flow, one); });
}

}  // namespace

// Those that pass through to others' ports of the same number are asked about too: what is the host's own address, its routes say.
Result<> forget_untranslated(std::span<const Publication> published)
{
    if (std::ranges::none_of(published, [](const Publication& one) { return one.protocol == "udp"; })) return {};
    kernel::Netlink routes = TRY(kernel::open_netlink());
    return kernel::forget_flows([&](const kernel::Flow& flow) {
        if (flow.protocol != IPPROTO_UDP || flow.translated || !is_of_any(flow, published)) return false;
        auto local = kernel::has_local(routes, flow.destination);
        return local && *local;
    });
}

Result<> forget_translated(const Endpoint& endpoint, std::span<const Publication> published)
{
    if (published.empty()) return {};
    auto is_own = [&](const kernel::IpBytes& answerer) {
        return std::ranges::any_of(endpoint.addresses, [&](const Cidr& own) { return bytes_of(own.address) == answerer; });
    };
    return kernel::forget_flows(
        [&](const kernel::Flow& flow) { return flow.translated && is_own(flow.answerer) && is_of_any(flow, published); });
}

}  // namespace holm::network
