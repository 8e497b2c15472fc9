// The verbs of images: what there is, in and out of the store.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using Options = std::vector<OptionInfo>;

const Options import_options = {
    {.name = "--force", .help = "replace an image of that name"},
    {.name = "--read-only", .help = "an image that can be neither removed nor replaced"},
};

}  // namespace

std::vector<VerbInfo> image_verbs()
{
    return {
        {.verb = Verb::ListImages, .name = "list-images", .help = "list images"},
        {.verb = Verb::ImageStatus,
         .name = "image-status",
         .synopsis = "IMAGE…",
         .help = "what an image is, and what it says of its payload",
         .operands = count::some},
        {.verb = Verb::ImportTar,
         .name = "import-tar",
         .synopsis = "FILE|- [IMAGE]",
         .help = "make an image of a tar archive",
         .operands = {1, 2},
         .options = import_options},
        {.verb = Verb::ImportFs,
         .name = "import-fs",
         .synopsis = "DIRECTORY [IMAGE]",
         .help = "make an image of a directory",
         .operands = {1, 2},
         .options = import_options},
        {.verb = Verb::RemoveImage, .name = "remove-image", .synopsis = "IMAGE…", .help = "remove images", .operands = count::some},
    };
}

}  // namespace holm::cli
