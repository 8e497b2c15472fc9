#include "network/steps.h"

#include <algorithm>
#include <set>

namespace holm::network {

namespace {

// What an interface is made of, and no more.
Endpoint bare(Endpoint endpoint)
{
    endpoint.published.clear();
    endpoint.aliases.clear();
    endpoint.allow.clear();
    endpoint.deny.clear();
    endpoint.resolvers.clear();
    endpoint.domain.clear();
    endpoint.ingress = endpoint.egress = 0;
    return endpoint;
}

}  // namespace

std::vector<Endpoint> with_routes_in_use(std::vector<Endpoint> endpoints)
{
    std::set<Family> routed;
    for (Endpoint& endpoint : endpoints)
        std::erase_if(endpoint.gateways, [&](const Address& gateway) { return !routed.insert(gateway.family).second; });
    return endpoints;
}

bool keeps_interface(const Endpoint& before, const Endpoint& after)
{
    return bare(before) == bare(after);
}

Steps steps_between(const Plan& before, const Plan& after)
{
    const auto now = with_routes_in_use(before.endpoints), then = with_routes_in_use(after.endpoints);
    Steps steps;
    for (const Endpoint& endpoint : now) {
        auto same = std::ranges::find(then, endpoint.interface, &Endpoint::interface);
        if (same == then.end() || !keeps_interface(endpoint, *same)) steps.leave.push_back(endpoint.interface);
        else if (endpoint != *same) steps.change.push_back(endpoint.interface);
    }
    for (const Endpoint& endpoint : then) {
        auto same = std::ranges::find(now, endpoint.interface, &Endpoint::interface);
        if (same == now.end() || !keeps_interface(*same, endpoint)) steps.join.push_back(endpoint.interface);
    }
    return steps;
}

}  // namespace holm::network
