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
    {.name = "--output", .letter = 'o', .kind = Value, .value = "short|cat", .help = "how these look: with time and program, or bare"},
};

const Options show_options = {
    {.name = "--property", .letter = 'p', .kind = List, .value = "PROPERTY[,…]", .help = "only these"},
    {.name = "--value", .help = "only values, without names"},
    {.name = "--all", .letter = 'a', .help = "all, which is what is shown anyway"},
};

const Options kill_options = {
    {.name = "--signal", .letter = 's', .kind = Value, .value = "SIGNAL", .help = "SIGTERM by default"},
    {.name = "--kill-who", .kind = Value, .value = "leader|all", .help = "the same, as machinectl had it"},
    {.name = "--kill-whom", .kind = Value, .value = "leader|all", .help = "all by default"},
};

const Options wait_options = {
    {.name = "--timeout", .kind = Value, .value = "TIME", .help = "how long at most, as \"90s\" or \"2min\""},
};

const Options stop_options = {
    {.name = "--timeout", .kind = Value, .value = "TIME", .help = "after which what is left is killed, if stop_timeout is longer"},
};

const Options set_options = {
    {.name = "--runtime", .help = "until its next start: keep nothing"},
};

const Options why_options = {
    {.name = "--bundle", .help = "also write NAME-why.tar.gz here, for a report of a defect"},
};

const Options top_options = {
    {.name = "--sort", .kind = Value, .value = "KEY", .help = "cpu (default), memory, swap, tasks, io, network, pressure, uptime or name"},
    {.name = "--delay", .letter = 'd', .kind = Value, .value = "TIME", .help = "between two looks, 1s by default"},
    {.name = "--once", .help = "one look, as without a terminal"},
};

const Options metrics_options = {
    {.name = "--http", .help = "as the answer to the request of HTTP on standard input"},
};

const Options events_options = {
    {.name = "--since", .kind = Value, .value = "TIME", .help = "\"2h\", \"today\", \"2026-01-31 08:00\"; a day by default"},
    {.name = "--follow", .letter = 'f', .help = "go on with new ones"},
};

const Options enable_options = {{.name = "--now", .help = "and start them now"}};

const Options disable_options = {{.name = "--now", .help = "and stop them now"}};

const Options start_options = {
    {.name = "--hold", .kind = Value, .value = "mounts|network|init|on-fail", .help = "stop at that step, to be looked at"},
};

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
        {.verb = Verb::Start,
         .name = "start",
         .synopsis = "NAME…",
         .help = "start machines",
         .operands = count::some,
         .options = start_options},
        {.verb = Verb::Continue,
         .name = "continue",
         .synopsis = "NAME…",
         .help = "go on with starts that are held",
         .operands = count::some},
        {.verb = Verb::Abort, .name = "abort", .synopsis = "NAME…", .help = "take back starts that are held", .operands = count::some},
        {.verb = Verb::Stop,
         .name = "stop",
         .alias = "poweroff",
         .synopsis = "NAME…",
         .help = "stop machines in order",
         .operands = count::some,
         .options = stop_options},
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
         .synopsis = "NAME started|ready|stopped|unit:UNIT|port:PORT",
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
        {.verb = Verb::Why,
         .name = "why",
         .synopsis = "NAME…",
         .help = "why the last start or run went wrong",
         .operands = count::some,
         .options = why_options},
        {.verb = Verb::Top,
         .name = "top",
         .synopsis = "[NAME…]",
         .help = "what machines use",
         .operands = count::any,
         .options = top_options},
        {.verb = Verb::Metrics,
         .name = "metrics",
         .synopsis = "[NAME…]",
         .help = "the same as OpenMetrics text",
         .operands = count::any,
         .options = metrics_options},
        {.verb = Verb::Events,
         .name = "events",
         .synopsis = "[NAME…]",
         .help = "what has become of machines",
         .operands = count::any,
         .options = events_options},
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
