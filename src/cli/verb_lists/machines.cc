// The verbs of machines: what runs, and its life.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using enum OptionKind;
using Options = std::vector<OptionInfo>;

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

const Options set_options = {
    {.name = "--runtime", .help = "until its next start: keep nothing"},
};

const Options enable_options = {{.name = "--now", .help = "and start them now"}};

const Options disable_options = {{.name = "--now", .help = "and stop them now"}};

}  // namespace

std::vector<VerbInfo> machine_verbs()
{
    return {
        {.verb = Verb::List,
         .name = "list",
         .synopsis = "[NAME…]",
         .help = "list machines",
         .operands = count::any,
         .options = list_options},
        {.verb = Verb::Status,
         .name = "status",
         .synopsis = "NAME…",
         .help = "what a machine is and does",
         .operands = count::some,
         .options = status_options},
        {.verb = Verb::Show,
         .name = "show",
         .synopsis = "[NAME…]",
         .help = "properties of machines or the manager",
         .operands = count::any,
         .options = show_options},
        {.verb = Verb::Start, .name = "start", .synopsis = "NAME…", .help = "start machines", .operands = count::some},
        {.verb = Verb::Stop,
         .name = "stop",
         .alias = "poweroff",
         .synopsis = "NAME…",
         .help = "stop machines in order",
         .operands = count::some},
        {.verb = Verb::Restart, .name = "restart", .synopsis = "NAME…", .help = "stop and start machines", .operands = count::some},
        {.verb = Verb::Reboot, .name = "reboot", .synopsis = "NAME…", .help = "reboot machines in their unit", .operands = count::some},
        {.verb = Verb::Terminate,
         .name = "terminate",
         .synopsis = "NAME…",
         .help = "kill all processes of machines at once",
         .operands = count::some},
        {.verb = Verb::Kill,
         .name = "kill",
         .synopsis = "NAME…",
         .help = "send a signal to machines",
         .operands = count::some,
         .options = kill_options},
        {.verb = Verb::Wait,
         .name = "wait",
         .synopsis = "NAME started|ready|stopped",
         .help = "wait for a state",
         .operands = count::two,
         .options = wait_options},
        {.verb = Verb::Freeze, .name = "freeze", .synopsis = "NAME…", .help = "freeze all processes of machines", .operands = count::some},
        {.verb = Verb::Thaw, .name = "thaw", .synopsis = "NAME…", .help = "let frozen machines go on", .operands = count::some},
        {.verb = Verb::Set,
         .name = "set",
         .synopsis = "NAME PROPERTY=VALUE…",
         .help = "change resource properties of a machine",
         .operands = {2, ~0u},
         .options = set_options},
        {.verb = Verb::Enable,
         .name = "enable",
         .synopsis = "NAME…",
         .help = "start machines at boot",
         .operands = count::some,
         .options = enable_options},
        {.verb = Verb::Disable,
         .name = "disable",
         .synopsis = "NAME…",
         .help = "do not start them at boot",
         .operands = count::some,
         .options = disable_options},
    };
}

}  // namespace holm::cli
