// The verbs of networks.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using Options = std::vector<OptionInfo>;

const Options live_options = {{.name = "--runtime", .help = "until its next start: keep nothing"}};

using enum OptionKind;

const Options create_options = {
    {.name = "--subnet", .kind = List, .value = "BLOCK", .help = "as 10.50.0.0/24, auto4 or auto; both of these by default"},
    {.name = "--gateway", .kind = List, .value = "ADDRESS", .help = "the host's own in a subnet, its first by default"},
    {.name = "--type", .kind = Value, .value = "TYPE", .help = "bridge, vxlan, macvlan or ipvlan; bridge by default"},
    {.name = "--interface",
     .kind = Value,
     .value = "BRIDGE",
     .help = "holm-NETWORK by default; one that exists is used as it is; of a macvlan or ipvlan the host's"},
    {.name = "--domain", .kind = Value, .value = "DOMAIN", .help = "of its machines' names, holm by default"},
    {.name = "--mtu", .kind = Value, .value = "N", .help = "of its packets"},
    {.name = "--isolated", .help = "no way out and none in"},
    {.name = "--persistent", .help = "up without machines, too"},
    {.name = "--no-nat", .help = "no masquerade towards other interfaces"},
    {.name = "--no-dns", .help = "no names"},
    {.name = "--no-dhcp", .help = "no answers to DHCP"},
    {.name = "--file",
     .letter = 'f',
     .kind = Value,
     .value = "DEFINITION",
     .help = "a whole definition, holm.network(5); - is standard input"},
};

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
        {.verb = Verb::NetworkCreate,
         .name = "network-create",
         .synopsis = "NETWORK",
         .help = "define a network",
         .operands = count::one,
         .options = create_options},
        {.verb = Verb::NetworkRemove,
         .name = "network-remove",
         .synopsis = "NETWORK…",
         .help = "remove networks that no machine uses",
         .operands = count::some},
        {.verb = Verb::Connect,
         .name = "connect",
         .synopsis = "NAME NETWORK",
         .help = "join a machine to a network",
         .operands = count::two,
         .options = live_options},
        {.verb = Verb::Disconnect,
         .name = "disconnect",
         .synopsis = "NAME NETWORK",
         .help = "take a machine off a network",
         .operands = count::two,
         .options = live_options},
        {.verb = Verb::Publish,
         .name = "publish",
         .synopsis = "NAME [IP:]PORT:PORT[/PROTOCOL]",
         .help = "publish a port of a machine",
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
