#include "cli/verb_table.h"

#include <array>
#include <utility>

namespace holm::cli {

namespace {

using enum OptionKind;
using Options = std::vector<OptionInfo>;

const Options globals = {
    {.name = "--host", .letter = 'H', .kind = Value, .value = "[USER@]HOST", .help = "run holmctl on HOST through ssh (before the verb)"},
    {.name = "--json", .kind = Value, .value = "short|pretty|off", .help = "the same data as JSON"},
    {.name = "--no-pager", .help = "do not start a pager"},
    {.name = "--no-legend", .help = "no heading and no summary of tables"},
    {.name = "--no-ask-password", .help = "do not ask for a password (polkit)"},
    {.name = "--quiet", .letter = 'q', .help = "only results and errors"},
    {.name = "--help", .letter = 'h', .help = "this help"},
    {.name = "--version", .help = "the version"},
};

// Of run and create: each becomes a key of the definition (cli/definition).
const Options definition_options = {
    {.name = "--root", .kind = Value, .value = "PATH", .help = "the root: a directory"},
    {.name = "--image", .kind = Value, .value = "NAME", .help = "the root: an image found by its name"},
    {.name = "--lower", .kind = List, .value = "PATH", .help = "a layer of the root, topmost first"},
    {.name = "--upper", .kind = Value, .value = "PATH", .help = "where the machine's writes go"},
    {.name = "--ephemeral", .letter = 'x', .help = "writes are gone at the end"},
    {.name = "--read-only", .help = "the root cannot be written"},
    {.name = "--boot", .letter = 'b', .help = "boot the root's own init"},
    {.name = "--network", .kind = List, .value = "NETWORK", .help = "none, host, bridge:INTERFACE, or a network such as holm0"},
    {.name = "--publish",
     .letter = 'p',
     .kind = List,
     .value = "[IP:]PORT:PORT[/PROTOCOL]",
     .help = "publish a port of the machine on the host"},
    {.name = "--bind", .kind = List, .value = "SRC[:DST[:ro|rw]]", .help = "mount a file or directory of the host"},
    {.name = "--tmpfs", .kind = List, .value = "DST", .help = "mount an empty tmpfs"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the payload's environment"},
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "the payload's user"},
    {.name = "--users", .kind = Value, .value = "auto|identity|host|BASE:COUNT", .help = "how user ids map"},
    {.name = "--property", .kind = List, .value = "K=V", .help = "a resource property of the unit"},
    {.name = "--capability", .kind = List, .value = "[-]CAP", .help = "add (or with '-' drop) a capability"},
    {.name = "--device", .kind = List, .value = "PATH", .help = "a device node the payload may use (not supported yet)"},
    {.name = "--hostname", .kind = Value, .value = "NAME", .help = "the host name inside"},
};

const Options exec_options = {
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "run as USER of the machine"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the command's environment"},
    {.name = "--workdir", .letter = 'w', .kind = Value, .value = "PATH", .help = "the command's working directory"},
    {.name = "--tty", .letter = 't', .help = "give the command a terminal"},
    {.name = "--pipe", .help = "pass standard input, output and error through as they are"},
    {.name = "--detach", .letter = 'd', .help = "do not wait for the command"},
};

const Options own_run_options = {
    {.name = "--name", .kind = Value, .value = "NAME", .help = "the machine's name"},
    {.name = "--rm", .help = "remove the machine at its end"},
    {.name = "--detach", .letter = 'd', .help = "return when the machine is ready, and print its name"},
    {.name = "--file", .letter = 'f', .kind = Value, .value = "DEFINITION", .help = "run a definition file"},
    {.name = "--tty", .letter = 't', .help = "give the payload a terminal"},
    {.name = "--pipe", .help = "pass standard input, output and error through as they are"},
};

const Options list_options = {
    {.name = "--all", .letter = 'a', .help = "also machines that do not run"},
    {.name = "--label", .kind = List, .value = "K=V", .help = "only machines with this label"},
};

const Options status_options = {
    {.name = "--lines", .letter = 'n', .kind = Value, .value = "N", .help = "lines of the journal, 10 by default"},
};

const Options show_options = {
    {.name = "--property", .letter = 'p', .kind = List, .value = "PROPERTY[,…]", .help = "only these"},
    {.name = "--value", .help = "only values, without names"},
};

const Options kill_options = {
    {.name = "--signal", .letter = 's', .kind = Value, .value = "SIGNAL", .help = "SIGTERM by default"},
    {.name = "--kill-whom", .kind = Value, .value = "leader|all", .help = "all by default"},
};

const Options wait_options = {
    {.name = "--timeout", .kind = Value, .value = "TIME", .help = "how long at most, as \"90s\" or \"2min\""},
};

const Options enable_options = {{.name = "--now", .help = "and start them now"}};
const Options disable_options = {{.name = "--now", .help = "and stop them now"}};

const Options cat_options = {
    {.name = "--effective", .help = "with profiles, drop-ins and defaults merged"},
    {.name = "--origin", .help = "with file and line of each key"},
};

const Options shell_options = {
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "the user, root by default"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the shell's environment"},
    {.name = "--workdir", .letter = 'w', .kind = Value, .value = "PATH", .help = "the shell's working directory"},
};

const Options logs_options = {
    {.name = "--follow", .letter = 'f', .help = "go on with new lines"},
    {.name = "--lines", .letter = 'n', .kind = Value, .value = "N", .help = "only the last N lines"},
};

Options joined(Options options, const Options& more)
{
    options.insert(options.end(), more.begin(), more.end());
    return options;
}

constexpr Count none = {0, 0}, one = {1, 1}, two = {2, 2}, some = {1, ~0u}, any = {0, ~0u};

using Verbs = std::vector<VerbInfo>;

Verbs machine_verbs()
{
    return {
        {.verb = Verb::List, .name = "list", .synopsis = "[NAME…]", .help = "list machines", .operands = any, .options = list_options},
        {.verb = Verb::Status,
         .name = "status",
         .synopsis = "NAME…",
         .help = "what a machine is and does",
         .operands = some,
         .options = status_options},
        {.verb = Verb::Show,
         .name = "show",
         .synopsis = "[NAME…]",
         .help = "properties of machines or the manager",
         .operands = any,
         .options = show_options},
        {.verb = Verb::Start, .name = "start", .synopsis = "NAME…", .help = "start machines", .operands = some},
        {.verb = Verb::Stop, .name = "stop", .alias = "poweroff", .synopsis = "NAME…", .help = "stop machines in order", .operands = some},
        {.verb = Verb::Restart, .name = "restart", .synopsis = "NAME…", .help = "stop and start machines", .operands = some},
        {.verb = Verb::Reboot, .name = "reboot", .synopsis = "NAME…", .help = "reboot machines in their unit", .operands = some},
        {.verb = Verb::Terminate,
         .name = "terminate",
         .synopsis = "NAME…",
         .help = "kill all processes of machines at once",
         .operands = some},
        {.verb = Verb::Kill,
         .name = "kill",
         .synopsis = "NAME…",
         .help = "send a signal to machines",
         .operands = some,
         .options = kill_options},
        {.verb = Verb::Wait,
         .name = "wait",
         .synopsis = "NAME started|ready|stopped",
         .help = "wait for a state",
         .operands = two,
         .options = wait_options},
        {.verb = Verb::Freeze, .name = "freeze", .synopsis = "NAME…", .help = "freeze all processes of machines", .operands = some},
        {.verb = Verb::Thaw, .name = "thaw", .synopsis = "NAME…", .help = "let frozen machines go on", .operands = some},
        {.verb = Verb::Enable,
         .name = "enable",
         .synopsis = "NAME…",
         .help = "start machines at boot",
         .operands = some,
         .options = enable_options},
        {.verb = Verb::Disable,
         .name = "disable",
         .synopsis = "NAME…",
         .help = "do not start them at boot",
         .operands = some,
         .options = disable_options},
    };
}

Verbs definition_verbs()
{
    return {
        {.verb = Verb::Run,
         .name = "run",
         .synopsis = "[OPTION…] [--] [COMMAND…]",
         .help = "make a machine and run it",
         .operands = any,
         .tail = Tail::Command,
         .failure = FailureStatus::Command,
         .options = joined(own_run_options, definition_options)},
        {.verb = Verb::Create,
         .name = "create",
         .synopsis = "NAME [OPTION…] [--] [COMMAND…]",
         .help = "write a definition",
         .operands = some,
         .tail = Tail::LateCommand,
         .options = definition_options},
        {.verb = Verb::Edit, .name = "edit", .synopsis = "NAME", .help = "edit a definition", .operands = one},
        {.verb = Verb::Cat, .name = "cat", .synopsis = "NAME…", .help = "print definitions", .operands = some, .options = cat_options},
        {.verb = Verb::Verify, .name = "verify", .synopsis = "[FILE…]", .help = "check definitions, without a daemon", .operands = any},
        {.verb = Verb::Plan, .name = "plan", .synopsis = "NAME", .help = "print what a start would do", .operands = one},
        {.verb = Verb::Remove, .name = "remove", .synopsis = "NAME…", .help = "remove machines with all their state", .operands = some},
    };
}

Verbs inside_verbs()
{
    return {
        {.verb = Verb::Exec,
         .name = "exec",
         .synopsis = "NAME [--] COMMAND…",
         .help = "run a command in a machine",
         .operands = {2, ~0u},
         .tail = Tail::NamedCommand,
         .failure = FailureStatus::Command,
         .options = exec_options},
        {.verb = Verb::Shell,
         .name = "shell",
         .synopsis = "[USER@]NAME [COMMAND…]",
         .help = "open a shell in a machine",
         .operands = some,
         .tail = Tail::NamedCommand,
         .failure = FailureStatus::Command,
         .options = shell_options},
        {.verb = Verb::Login, .name = "login", .synopsis = "NAME", .help = "attach to the console, to log in", .operands = one},
        {.verb = Verb::Attach, .name = "attach", .synopsis = "NAME", .help = "attach to the console", .operands = one},
        {.verb = Verb::Logs,
         .name = "logs",
         .synopsis = "NAME",
         .help = "the journal of a machine",
         .operands = one,
         .options = logs_options},
    };
}

Verbs network_verbs()
{
    return {
        {.verb = Verb::ListNetworks, .name = "list-networks", .help = "list networks"},
        {.verb = Verb::NetworkStatus,
         .name = "network-status",
         .synopsis = "NETWORK…",
         .help = "what a network is, and who is on it",
         .operands = some},
    };
}

Verbs manager_verbs()
{
    return {
        {.verb = Verb::Reload, .name = "reload", .help = "read holm.toml and the definitions again", .operands = none},
        {.verb = Verb::Version, .name = "version", .help = "print the version", .operands = none},
    };
}

Verbs make_table()
{
    Verbs all;
    auto add = [&](std::string_view group, Verbs verbs) {
        for (VerbInfo& verb : verbs) {
            verb.group = group;
            all.push_back(std::move(verb));
        }
    };
    add("Machines", machine_verbs());
    add("Definitions", definition_verbs());
    add("Inside a machine", inside_verbs());
    add("Networks", network_verbs());
    add("The manager", manager_verbs());
    return all;
}

const Verbs& table()
{
    static const Verbs verbs = make_table();
    return verbs;
}

constexpr auto later = std::to_array<std::string_view>({
    "abort",      "apply",      "bind",        "clone",        "clone-image",  "commit",         "connect",        "continue",
    "copy-from",  "copy-image", "copy-to",     "debug",        "df",           "diff",           "disconnect",     "doctor",
    "events",     "export-oci", "export-tar",  "fsck",         "image-status", "import-config",  "import-fs",      "import-oci",
    "import-raw", "import-tar", "list-images", "list-volumes", "metrics",      "network-create", "network-remove", "prune",
    "publish",    "pull-oci",   "read-only",   "rebase",       "record",       "remove-image",   "rename",         "rollback",
    "set",        "snapshot",   "snapshots",   "top",          "unbind",       "unpublish",      "volume-create",  "volume-remove",
    "why",
});

using Pair = std::pair<std::string_view, std::string_view>;
constexpr auto verbs_of_others = std::to_array<Pair>({{"rm", "remove"},
                                                      {"delete", "remove"},
                                                      {"ls", "list"},
                                                      {"ps", "list"},
                                                      {"inspect", "show"},
                                                      {"pause", "freeze"},
                                                      {"unpause", "thaw"}});
constexpr auto options_of_others = std::to_array<Pair>({{"-v", "--bind"},
                                                        {"--volume", "--bind"},
                                                        {"-i", "--tty"},
                                                        {"-it", "--tty"},
                                                        {"-ti", "--tty"},
                                                        {"--interactive", "--tty"},
                                                        {"-e", "--env"}});

std::string_view find_meant(std::span<const Pair> pairs, std::string_view word)
{
    for (const auto& [others, ours] : pairs)
        if (others == word) return ours;
    return {};
}

}  // namespace

std::string describe_synopsis(const VerbInfo& verb)
{
    std::string text(verb.name);
    if (!verb.options.empty() && verb.synopsis.find("[OPTION…]") == verb.synopsis.npos) text += " [OPTION…]";
    if (!verb.synopsis.empty()) text.append(" ").append(verb.synopsis);
    return text;
}

std::span<const OptionInfo> global_options()
{
    return globals;
}

bool stands_behind_verb(const OptionInfo& option)
{
    return option.name != "--host" && option.name != "--version";
}

std::span<const VerbInfo> all_verbs()
{
    return table();
}

const VerbInfo* find_verb(std::string_view name)
{
    for (const VerbInfo& info : table())
        if (info.name == name || (!info.alias.empty() && info.alias == name)) return &info;
    return nullptr;
}

std::span<const std::string_view> later_verbs()
{
    return later;
}

std::string_view verb_of_others(std::string_view word)
{
    return find_meant(verbs_of_others, word);
}

std::string_view option_of_others(std::string_view word)
{
    return find_meant(options_of_others, word);
}

std::vector<std::string_view> verb_words()
{
    std::vector<std::string_view> words(later.begin(), later.end());
    for (const VerbInfo& info : table()) {
        words.push_back(info.name);
        if (!info.alias.empty()) words.push_back(info.alias);
    }
    return words;
}

}  // namespace holm::cli
