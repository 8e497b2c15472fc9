// The verbs of volumes.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

const std::vector<OptionInfo> create_options = {
    {.name = "--size", .kind = OptionKind::Value, .value = "BYTES", .help = "how much it may take (a number, and K, M, G or T)"},
};

}  // namespace

std::vector<VerbInfo> volume_verbs()
{
    return {
        {.verb = Verb::ListVolumes, .name = "list-volumes", .help = "list volumes and who mounts them"},
        {.verb = Verb::VolumeCreate,
         .name = "volume-create",
         .synopsis = "VOLUME",
         .help = "make a folder that outlives machines",
         .operands = count::one,
         .options = create_options},
        {.verb = Verb::VolumeRemove,
         .name = "volume-remove",
         .synopsis = "VOLUME…",
         .help = "remove volumes with all that is in them",
         .operands = count::some},
    };
}

}  // namespace holm::cli
