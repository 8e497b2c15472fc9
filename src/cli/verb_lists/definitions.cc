// The verbs that make machines and their definitions.
#include "cli/verb_lists/verb_lists.h"

namespace holm::cli {

namespace {

using enum OptionKind;
using Options = std::vector<OptionInfo>;

// Of run and create: each becomes a key of the definition (cli/definition).
const Options definition_options = {
    {.name = "--root", .kind = Value, .value = "PATH", .help = "the root: a directory, or a file with a file system"},
    {.name = "--image", .kind = Value, .value = "NAME", .help = "the root: an image found by its name"},
    {.name = "--lower", .kind = List, .value = "PATH", .help = "a layer of the root, topmost first"},
    {.name = "--upper", .kind = Value, .value = "PATH", .help = "where the machine's writes go"},
    {.name = "--ephemeral", .letter = 'x', .help = "writes are gone at the end"},
    {.name = "--read-only", .help = "the root cannot be written"},
    {.name = "--boot", .letter = 'b', .help = "boot the root's own init"},
    {.name = "--network",
     .kind = List,
     .value = "NETWORK",
     .help = "none, host, veth, bridge:INTERFACE, macvlan:INTERFACE, ipvlan:INTERFACE, physical:INTERFACE, or a network such as holm0"},
    {.name = "--publish",
     .letter = 'p',
     .kind = List,
     .value = "[IP:]PORT:PORT[/PROTOCOL]",
     .help = "publish a port of the machine on the host"},
    {.name = "--bind", .kind = List, .value = "SRC[:DST[:ro|rw]]", .help = "mount a file or directory of the host"},
    {.name = "--volume", .kind = List, .value = "VOLUME:DST[:ro|rw]", .help = "mount a volume"},
    {.name = "--tmpfs", .kind = List, .value = "DST", .help = "mount an empty tmpfs"},
    {.name = "--env", .letter = 'E', .kind = List, .value = "K=V", .help = "a variable of the payload's environment"},
    {.name = "--user", .letter = 'u', .kind = Value, .value = "USER", .help = "the payload's user"},
    {.name = "--workdir", .letter = 'w', .kind = Value, .value = "PATH", .help = "the payload's working directory"},
    {.name = "--users", .kind = Value, .value = "auto|identity|host|BASE:COUNT", .help = "how user ids map"},
    {.name = "--property", .kind = List, .value = "K=V", .help = "a resource property of the unit"},
    {.name = "--slice", .kind = Value, .value = "SLICE", .help = "the slice of the unit: a group of machines"},
    {.name = "--capability", .kind = List, .value = "[-]CAP", .help = "add (or with '-' drop) a capability"},
    {.name = "--device",
     .kind = List,
     .value = "PATH",
     .help = "a device node, or all of a folder, that the payload may use; :rwm behind it"},
    {.name = "--hostname", .kind = Value, .value = "NAME", .help = "the host name inside"},
};

const Options own_run_options = {
    {.name = "--name", .kind = Value, .value = "NAME", .help = "the machine's name"},
    {.name = "--rm", .help = "remove the machine at its end"},
    {.name = "--detach", .letter = 'd', .help = "return when the machine is ready, and print its name"},
    {.name = "--file", .letter = 'f', .kind = Value, .value = "DEFINITION", .help = "run a definition file"},
    {.name = "--tty", .letter = 't', .help = "give the payload a terminal"},
    {.name = "--pipe", .help = "pass standard input, output and error through as they are"},
};

const Options apply_options = {
    {.name = "--confirm",
     .kind = Maybe,
     .value = "TIME",
     .help = "take it back after TIME unless it is confirmed; without TIME: confirm it"},
    {.name = "--revert", .help = "take back what waits to be confirmed"},
};

const Options cat_options = {
    {.name = "--effective", .help = "with profiles, drop-ins and defaults merged"},
    {.name = "--origin", .help = "with file and line of each key"},
};

Options joined(Options options, const Options& more)
{
    options.insert(options.end(), more.begin(), more.end());
    return options;
}

const Options import_options = {
    {.name = "--name", .kind = Value, .value = "NAME", .help = "the machine's name"},
    {.name = "--root", .kind = Value, .value = "PATH", .help = "its root, whatever the file says"},
    {.name = "--print", .help = "print the definition, and write none"},
};

}  // namespace

std::vector<VerbInfo> definition_verbs()
{
    return {
        {.verb = Verb::Run,
         .name = "run",
         .synopsis = "[OPTION…] [--] [COMMAND…]",
         .help = "make a machine and run it",
         .operands = count::any,
         .tail = Tail::Command,
         .failure = FailureStatus::Command,
         .options = joined(own_run_options, definition_options)},
        {.verb = Verb::Create,
         .name = "create",
         .synopsis = "NAME [OPTION…] [--] [COMMAND…]",
         .help = "write a definition",
         .operands = count::some,
         .tail = Tail::LateCommand,
         .options = definition_options},
        {.verb = Verb::Edit, .name = "edit", .synopsis = "NAME", .help = "edit a definition", .operands = count::one},
        {.verb = Verb::Cat,
         .name = "cat",
         .synopsis = "NAME…",
         .help = "print definitions",
         .operands = count::some,
         .options = cat_options},
        {.verb = Verb::Verify,
         .name = "verify",
         .synopsis = "[FILE|NAME…]",
         .help = "check definitions, without a daemon",
         .operands = count::any},
        {.verb = Verb::Plan,
         .name = "plan",
         .synopsis = "NAME",
         .help = "print what a start would do, or what differs while it runs",
         .operands = count::one},
        {.verb = Verb::Apply,
         .name = "apply",
         .synopsis = "NAME",
         .help = "make a machine that runs what its definition says",
         .operands = count::one,
         .options = apply_options},
        {.verb = Verb::ImportConfig,
         .name = "import-config",
         .synopsis = "FILE",
         .help = "make a definition of another program's file",
         .operands = count::one,
         .options = import_options},
        {.verb = Verb::Remove,
         .name = "remove",
         .synopsis = "NAME…",
         .help = "remove machines with all their state",
         .operands = count::some},
        {.verb = Verb::Rename,
         .name = "rename",
         .synopsis = "NAME NEW-NAME",
         .help = "give a stopped machine another name",
         .operands = count::two},
        {.verb = Verb::Clone,
         .name = "clone",
         .synopsis = "NAME NEW-NAME",
         .help = "make another machine with a copy of what this one has written",
         .operands = count::two},
    };
}

}  // namespace holm::cli
