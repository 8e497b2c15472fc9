// The verbs of holmctl with their options and operands, as a table: what parse, help and the completions agree on. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holm::cli {

// One word of the command line each; `dispatch` in main.cc has one function for each.
enum class Verb {
    List,
    Status,
    Show,
    Start,
    Continue,
    Abort,
    Stop,
    Restart,
    Reboot,
    Terminate,
    Kill,
    Wait,
    Enable,
    Disable,
    Freeze,
    Thaw,
    Set,
    Why,
    Top,
    Metrics,
    Events,
    ListImages,
    ImageStatus,
    ImportTar,
    ImportRaw,
    ImportFs,
    ImportOci,
    PullOci,
    ExportTar,
    ExportOci,
    CloneImage,
    CopyImage,
    ReadOnly,
    Prune,
    DiskUsage,
    CheckImages,
    RemoveImage,
    ListNetworks,
    NetworkStatus,
    NetworkCreate,
    NetworkRemove,
    Connect,
    Disconnect,
    Publish,
    Unpublish,
    Run,
    Create,
    Edit,
    Cat,
    Verify,
    Plan,
    Apply,
    Remove,
    Rename,
    Clone,
    Diff,
    Snapshot,
    Snapshots,
    Rollback,
    Commit,
    Rebase,
    ListVolumes,
    VolumeCreate,
    VolumeRemove,
    Exec,
    Shell,
    Login,
    Attach,
    Logs,
    CopyTo,
    CopyFrom,
    Bind,
    Unbind,
    Debug,
    Record,
    ImportConfig,
    Doctor,
    Reload,
    Version,
};

enum class OptionKind {
    Flag,
    Value,  // given twice: the last one
    Maybe,  // a flag that may have a value, behind `=` alone
    List,   // given twice: both, in order
};

struct OptionInfo {
    std::string_view name;  // "--signal"
    char letter = 0;        // 's', or 0
    OptionKind kind = OptionKind::Flag;
    std::string_view value = {};  // "SIGNAL" in the help; "" for a flag
    std::string_view help = {};
};

// Where the words of a command begin, which are never taken for options of ours.
enum class Tail {
    None,
    Command,       // run: at the first operand, or after "--"
    NamedCommand,  // exec, shell: the first operand is the machine, what follows the command
    LateCommand,   // create: the same, but options may stand between the two
};

// What an error of the verb is in the exit status: of run, exec and shell the command has the numbers below 125.
enum class FailureStatus { One, Command };

struct Count {
    unsigned least = 0;
    unsigned most = 0;
};

struct VerbInfo {
    Verb verb = Verb::List;
    std::string_view name;
    std::string_view alias;     // "poweroff" of stop, or ""
    std::string_view synopsis;  // "NAME…"
    std::string_view help;
    std::string_view group;  // heading in the help
    Count operands = {};     // with the words of a command
    Tail tail = Tail::None;
    FailureStatus failure = FailureStatus::One;
    std::vector<OptionInfo> options = {};
    std::string_view instead = {};  // an option in the place of the first operand, which are then
    Count operands_instead = {};    // so many
};

// "exec [OPTION…] NAME [--] COMMAND…"
std::string describe_synopsis(const VerbInfo& verb);

std::span<const OptionInfo> global_options();
// Whether a global option may also stand among those of the verb.
bool stands_behind_verb(const OptionInfo& option);
std::span<const VerbInfo> all_verbs();
const VerbInfo* find_verb(std::string_view name);  // by name or alias; nullptr where there is none

// What docker, podman and systemctl call something that we have under another name: the verb or the option here, or "".
std::string_view verb_of_others(std::string_view word);
std::string_view option_of_others(std::string_view word);
// All words that stand for a verb, for "did you mean".
std::vector<std::string_view> verb_words();

}  // namespace holm::cli
