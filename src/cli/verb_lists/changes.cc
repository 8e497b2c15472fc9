// The verbs on what a machine has changed.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using enum OptionKind;
using Options = std::vector<OptionInfo>;

const Options diff_options = {
    {.name = "--since", .kind = Value, .value = "TAG", .help = "only what was changed after that snapshot"},
};

constexpr const char* group_option = "--group";

const Options rollback_options = {
    {.name = group_option, .kind = Value, .value = "SLICE", .help = "of all machines of that slice, which stand still"},
};

const Options snapshot_options = {
    {.name = group_option, .kind = Value, .value = "SLICE", .help = "of all machines of that slice at one moment, or of none"},
    {.name = "--at-next-start", .help = "of one that runs: take it when it is started again, in no time"},
};

const Options commit_options = {
    {.name = "--force", .help = "replace an image that the machine does not lie on, or one that was put off"},
    {.name = "--at-next-start", .help = "of one that runs: do it when it is started again, in no time"},
};

const Options rebase_options = {
    {.name = "--dry-run", .help = "only say what would become of each change"},
    {.name = "--take", .kind = List, .value = "PATH", .help = "what the image has there, and not what the machine has made of it"},
    {.name = "--undo", .help = "what the machine was before its last rebase"},
};

const Options snapshots_options = {
    {.name = "--remove", .kind = List, .value = "TAG", .help = "remove that snapshot, or take back that it was put off to the next start"},
};

}  // namespace

std::vector<VerbInfo> change_verbs()
{
    return {
        {.verb = Verb::Diff,
         .name = "diff",
         .synopsis = "NAME",
         .help = "what the machine has added, changed and deleted",
         .operands = count::one,
         .options = diff_options},
        {.verb = Verb::Snapshot,
         .name = "snapshot",
         .synopsis = "{NAME|--group=SLICE} [TAG]",
         .help = "keep the state of the machine's files",
         .operands = {1, 2},
         .options = snapshot_options,
         .instead = group_option,
         .operands_instead = {0, 1}},
        {.verb = Verb::Snapshots,
         .name = "snapshots",
         .synopsis = "NAME",
         .help = "list what was kept",
         .operands = count::one,
         .options = snapshots_options},
        {.verb = Verb::Rollback,
         .name = "rollback",
         .synopsis = "{NAME|--group=SLICE} TAG",
         .help = "give a stopped machine the files of a snapshot again",
         .operands = count::two,
         .options = rollback_options,
         .instead = group_option,
         .operands_instead = count::one},
        {.verb = Verb::Commit,
         .name = "commit",
         .synopsis = "NAME IMAGE",
         .help = "make an image of the machine's files, or add to one",
         .operands = count::two,
         .options = commit_options},
        {.verb = Verb::Rebase,
         .name = "rebase",
         .synopsis = "NAME IMAGE",
         .help = "put the machine's changes on another image",
         .operands = {1, 2},
         .options = rebase_options},
    };
}

}  // namespace holm::cli
