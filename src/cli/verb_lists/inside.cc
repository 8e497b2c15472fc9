// The verbs about what is inside a machine.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using enum OptionKind;
using Options = std::vector<OptionInfo>;

const Options exec_options = {
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "run as USER of the machine"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the command's environment"},
    {.name = "--workdir", .letter = 'w', .kind = Value, .value = "PATH", .help = "the command's working directory"},
    {.name = "--tty", .letter = 't', .help = "give the command a terminal"},
    {.name = "--pipe", .help = "pass standard input, output and error through as they are"},
    {.name = "--detach", .letter = 'd', .help = "do not wait for the command"},
};

const Options shell_options = {
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "the user, root by default"},
    {.name = "--uid", .kind = Value, .value = "USER", .help = "the same, as machinectl has it"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the shell's environment"},
    {.name = "--setenv", .kind = List, .value = "K=V", .help = "the same, as machinectl has it"},
    {.name = "--workdir", .letter = 'w', .kind = Value, .value = "PATH", .help = "the shell's working directory"},
};

const Options logs_options = {
    {.name = "--follow", .letter = 'f', .help = "go on with new lines"},
    {.name = "--lines", .letter = 'n', .kind = Value, .value = "N", .help = "only the last N lines"},
    {.name = "--since", .kind = Value, .value = "TIME", .help = "only from TIME on, as \"-1h\" or \"2026-11-22 10:00\""},
};

const Options copy_options = {
    {.name = "--force", .letter = 'f', .help = "replace files that exist"},
};

const Options bind_options = {
    {.name = "--read-only", .help = "the machine cannot write to it"},
    {.name = "--mkdir", .help = "make DST where it is missing"},
};

const Options debug_options = {
    {.name = "--tools", .kind = Value, .value = "host|IMAGE|PATH", .help = "whose programs are used, the host's by default"},
};

const Options record_options = {
    {.name = "--for", .kind = Value, .value = "TIME", .help = "how long to watch, 10s by default; a command: to its end"},
    {.name = "--capabilities", .help = "run the command again and again, to find the capabilities that it needs"},
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "run as USER of the machine"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the command's environment"},
    {.name = "--workdir", .letter = 'w', .kind = Value, .value = "PATH", .help = "the command's working directory"},
};

}  // namespace

std::vector<VerbInfo> inside_verbs()
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
         .operands = count::some,
         .tail = Tail::NamedCommand,
         .failure = FailureStatus::Command,
         .options = shell_options},
        {.verb = Verb::Debug,
         .name = "debug",
         .synopsis = "NAME [COMMAND…]",
         .help = "look into a machine with the host's or an image's tools",
         .operands = count::some,
         .tail = Tail::NamedCommand,
         .failure = FailureStatus::Command,
         .options = debug_options},
        {.verb = Verb::Record,
         .name = "record",
         .synopsis = "NAME [--] [COMMAND…]",
         .help = "watch a machine or a command in it, and print the smallest profile that it needs",
         .operands = count::some,
         .tail = Tail::NamedCommand,
         .options = record_options},
        {.verb = Verb::Login, .name = "login", .synopsis = "NAME", .help = "attach to the console, to log in", .operands = count::one},
        {.verb = Verb::Attach, .name = "attach", .synopsis = "NAME", .help = "attach to the console", .operands = count::one},
        {.verb = Verb::Logs,
         .name = "logs",
         .synopsis = "NAME",
         .help = "the journal of a machine",
         .operands = count::one,
         .options = logs_options},
        {.verb = Verb::CopyTo,
         .name = "copy-to",
         .synopsis = "NAME SRC [DST]",
         .help = "copy files into a machine",
         .operands = {2, 3},
         .options = copy_options},
        {.verb = Verb::CopyFrom,
         .name = "copy-from",
         .synopsis = "NAME SRC [DST]",
         .help = "copy files out of a machine",
         .operands = {2, 3},
         .options = copy_options},
        {.verb = Verb::Bind,
         .name = "bind",
         .synopsis = "NAME SRC [DST]",
         .help = "mount a file or folder of the host in a machine that runs",
         .operands = {2, 3},
         .options = bind_options},
        {.verb = Verb::Unbind, .name = "unbind", .synopsis = "NAME DST", .help = "take such a mount away", .operands = count::two},
    };
}

}  // namespace holm::cli
