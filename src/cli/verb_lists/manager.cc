// The verbs of the manager itself.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

std::vector<VerbInfo> manager_verbs()
{
    return {
        {.verb = Verb::Doctor, .name = "doctor", .help = "check what machines need of this host", .operands = count::none},
        {.verb = Verb::Reload, .name = "reload", .help = "read holm.toml and the definitions again", .operands = count::none},
        {.verb = Verb::Version, .name = "version", .help = "print the version", .operands = count::none},
    };
}

}  // namespace holm::cli
