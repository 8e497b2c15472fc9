// The verbs of networks.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

std::vector<VerbInfo> network_verbs()
{
    return {
        {.verb = Verb::ListNetworks, .name = "list-networks", .help = "list networks"},
        {.verb = Verb::NetworkStatus,
         .name = "network-status",
         .synopsis = "NETWORK…",
         .help = "what a network is, and who is on it",
         .operands = count::some},
    };
}

}  // namespace holm::cli
