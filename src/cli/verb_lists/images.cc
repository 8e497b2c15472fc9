// The verbs of images: what there is, in and out of the store.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using Options = std::vector<OptionInfo>;

const Options import_options = {
    {.name = "--force", .help = "replace an image of that name"},
    {.name = "--read-only", .help = "an image that can be neither removed nor replaced"},
};

const Options oci_options = {
    {.name = "--reference", .kind = OptionKind::Value, .value = "NAME", .help = "which, where there is more than one"},
    {.name = "--force", .help = "replace an image of that name"},
    {.name = "--read-only", .help = "an image that can be neither removed nor replaced"},
};

const Options tar_export_options = {
    {.name = "--format", .kind = OptionKind::Value, .value = "uncompressed|gzip|xz|zstd|bzip2", .help = "by default as FILE ends"},
    {.name = "--upper-only", .help = "what a machine has changed, without its image"},
};

const Options oci_export_options = {
    {.name = "--format", .kind = OptionKind::Value, .value = "uncompressed|gzip|zstd", .help = "how layers are compressed"},
};

const Options copy_options = {
    {.name = "--force", .help = "replace an image of that name there"},
    {.name = "--read-only", .help = "an image that can be neither removed nor replaced there"},
    {.name = "--send", .help = "be the one end: standard output to standard input of the other, and back"},
    {.name = "--receive", .help = "be the other end"},
};

const Options clone_options = {
    {.name = "--read-only", .help = "an image that can be neither removed nor replaced"},
};

const Options prune_options = {{.name = "--dry-run", .help = "only say what would go"}};

const Options fsck_options = {{.name = "--deep", .help = "hash what is in the layers"}};

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
        {.verb = Verb::ImportRaw,
         .name = "import-raw",
         .synopsis = "FILE|- [IMAGE]",
         .help = "make an image of the root in a disk image",
         .operands = {1, 2},
         .options = import_options},
        {.verb = Verb::ImportFs,
         .name = "import-fs",
         .synopsis = "DIRECTORY [IMAGE]",
         .help = "make an image of a directory",
         .operands = {1, 2},
         .options = import_options},
        {.verb = Verb::ImportOci,
         .name = "import-oci",
         .synopsis = "DIRECTORY|FILE|- [IMAGE]",
         .help = "make an image of an OCI layout or of what 'docker save' writes",
         .operands = {1, 2},
         .options = oci_options},
        {.verb = Verb::ExportTar,
         .name = "export-tar",
         .synopsis = "IMAGE|NAME [FILE|-]",
         .help = "write the root of an image, or of a machine, as a tar archive",
         .operands = {1, 2},
         .options = tar_export_options},
        {.verb = Verb::ExportOci,
         .name = "export-oci",
         .synopsis = "IMAGE DIRECTORY|FILE|-",
         .help = "write an image as an OCI layout, or as an archive of one",
         .operands = {2, 2},
         .options = oci_export_options},
        {.verb = Verb::CopyImage,
         .name = "copy-image",
         .synopsis = "IMAGE [USER@]HOST[:NAME]",
         .help = "copy an image to the store of another host, through ssh",
         .operands = {1, 2},
         .options = copy_options},
        {.verb = Verb::CloneImage,
         .name = "clone-image",
         .synopsis = "IMAGE NEW",
         .help = "give an image another name",
         .operands = count::two,
         .options = clone_options},
        {.verb = Verb::ReadOnly,
         .name = "read-only",
         .synopsis = "IMAGE [yes|no]",
         .help = "protect an image against removal, or no longer",
         .operands = {1, 2}},
        {.verb = Verb::Prune, .name = "prune", .help = "remove what no image and no machine needs", .options = prune_options},
        {.verb = Verb::DiskUsage, .name = "df", .help = "what images and machines take on disk"},
        {.verb = Verb::CheckImages, .name = "fsck", .help = "check the image store", .options = fsck_options},
        {.verb = Verb::PullOci,
         .name = "pull-oci",
         .synopsis = "REFERENCE [IMAGE]",
         .help = "fetch an image of a registry with skopeo, and import it",
         .operands = {1, 2},
         .options = import_options},
        {.verb = Verb::RemoveImage, .name = "remove-image", .synopsis = "IMAGE…", .help = "remove images", .operands = count::some},
    };
}

}  // namespace holm::cli
