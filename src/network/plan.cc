#include "network/plan.h"

#include "base/text.h"

namespace holm::network {

Result<Plan> plan_network(const machine::Spec& spec)
{
    if (spec.networks.empty()) return Plan{};
    const std::string& network = spec.networks.front().network;
    std::string origin = describe_origin(spec, "network[0].network");
    if (spec.networks.size() > 1 && (network == "host" || network == "none"))
        return error(Errc::Invalid, "network '{}' cannot be combined with another{}", network, origin);
    if (network == "none") return Plan{Kind::None};
    if (network == "host") return Plan{Kind::Host};
    return error(Errc::NotSupported, "not supported yet: network '{}'{}; use 'none' or 'host'", printable(network), origin);
}

}  // namespace holm::network
