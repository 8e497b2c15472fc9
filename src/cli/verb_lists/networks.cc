// The verbs of networks.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using Options = std::vector<OptionInfo>;

const Options live_options = {{.name = "--runtime", .help = "until its next start: keep nothing"}};

}  // namespace

std::vector<VerbInfo> network_verbs()
{
    return {
        {.verb = Verb::ListNetworks, .name = "list-networks", .help = "list networks"},
        {.verb = Verb::NetworkStatus,
         .name = "network-status",
         .synopsis = "NETWORK…",
         .help = "what a network is, and who is on it",
         .operands = count::some,
         .options = {{.name = "--frr", .help = "what FRR is to be told of it (evpn = true)"}}},
        {.verb = Verb::Connect,
         .name = "connect",
         .synopsis = "NAME NETWORK",
         .help = "join a running machine to a network",
         .operands = count::two,
         .options = live_options},
        {.verb = Verb::Disconnect,
         .name = "disconnect",
         .synopsis = "NAME NETWORK",
         .help = "take a running machine off a network",
         .operands = count::two,
         .options = live_options},
        {.verb = Verb::Publish,
         .name = "publish",
         .synopsis = "NAME [IP:]PORT:PORT[/PROTOCOL]",
         .help = "publish a port of a running machine",
         .operands = count::two,
         .options = live_options},
        {.verb = Verb::Unpublish,
         .name = "unpublish",
         .synopsis = "NAME [IP:]PORT:PORT[/PROTOCOL]",
         .help = "publish a port of a machine no more",
         .operands = count::two,
         .options = live_options},
    };
}

}  // namespace holm::cli
