// run: a machine of the options of the command line or of a file, in the foreground or detached.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/session.h"
#include "cli/verbs/verbs.h"
#include "machine/spec_file.h"

namespace holm::cli::verbs {

namespace {

// What the payload's standard descriptors are.
enum class RunConsole {
    Pipes,     // our own
    Terminal,  // a PTY kept by the supervisor, and we before it
    Detached,  // the same, and nobody before it
};

Result<RunConsole> choose_console(const Invocation& call)
{
    if (call.has("--tty") && call.has("--pipe")) return error(Errc::Invalid, "--tty and --pipe exclude each other");
    if (call.has("--detach") && (call.has("--tty") || call.has("--pipe")))
        return error(Errc::Invalid, "--detach and {} exclude each other", call.has("--tty") ? "--tty" : "--pipe");
    if (call.has("--detach")) return RunConsole::Detached;
    if (call.has("--pipe")) return RunConsole::Pipes;
    const bool terminal = is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO);
    return terminal || call.has("--tty") || call.has("--boot") ? RunConsole::Terminal : RunConsole::Pipes;
}

// A file's definition with the options laid over it, as one text. Its errors name the file and the place, or the option.
Result<std::string> merge_file(const Invocation& call, const std::string& folder, const OptionsText& options)
{
    const std::string path = absolute_path(call.value("--file"), folder);
    std::string text = TRY(read_file(path, machine::toml_size_limit));
    const machine::Source file{path, std::move(text)};
    const machine::MachineName name = TRY(machine::parse_name(machine::name_from_text(std::filesystem::path(path).stem().string())));
    const machine::Spec spec = TRY(parse_with_options(name, {file}, options));
    return options.text.empty() ? file.text : machine::describe_spec_file(spec);
}

Result<std::string> definition_of(const Invocation& call)
{
    const std::string folder = TRY(working_folder());
    const OptionsText options = TRY(definition_of_options(call, folder));
    if (call.has("--file")) return merge_file(call, folder, options);
    if (!names_root(call)) return error(Errc::Invalid, "a machine needs a root: --root=, --image=, --lower= or --file=");
    const machine::MachineName any = TRY(machine::parse_name("machine"));
    TRY(parse_with_options(any, {}, options));
    return options.text;
}

// Duplicates of our own, for the call: the originals are not touched.
Result<std::vector<Fd>> standard_descriptors()
{
    std::vector<Fd> fds;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) fds.push_back(TRY(duplicate(fd)));
    return fds;
}

systemd::Options run_options(const Invocation& call, RunConsole console)
{
    systemd::Options options = {{"remove", call.has("--rm")},
                                {"detach", console == RunConsole::Detached},
                                {"console", std::string(console == RunConsole::Pipes ? "pipes" : "terminal")}};
    if (console != RunConsole::Terminal) return options;
    WindowSize size = window_size();
    if (size.rows) options.insert({{"rows", size.rows}, {"columns", size.columns}});
    if (const char* terminal = ::getenv("TERM"); terminal && *terminal) options["term"] = std::string(terminal);
    return options;
}

struct Started {
    std::string name;
    std::string job;
    Fd session;
};

Result<Started> ask_to_run(Client& client, const Invocation& call, RunConsole console, const std::string& definition)
{
    std::vector<Fd> fds;
    if (console == RunConsole::Pipes) fds = TRY(standard_descriptors());
    const MessageHandle answer = TRY(client.call("RunMachine", call.value("--name"), definition, run_options(call, console), fds));
    Started started;
    systemd::ObjectPath machine, job;
    TRY(systemd::read_all_of(answer.get(), started.name, machine, job, started.session));
    started.job = job.text;
    return started;
}

std::string what_failed(const Invocation& call)
{
    return call.has("--name") ? cannot("run", call.value("--name")) : "cannot run the machine";
}

Result<int> run_detached(const Invocation& call, const std::string& definition)
{
    Client client = TRY(connect(call));
    Jobs jobs(client);
    TRY(jobs.listen());
    Started started = TRY(ask_to_run(client, call, RunConsole::Detached, definition), what_failed(call));
    jobs.add(started.job, {.machine = started.name, .goal = JobGoal::Running, .what = cannot("run", started.name)});
    if (!TRY(jobs.wait_for_all(fmt::format("starting machine '{}'", started.name), call))) return exit_refused;
    if (call.json != JsonStyle::Off) TRY(print(describe_json(Properties{{"machine", started.name}}, call.json)));
    else TRY(print(started.name + "\n"));
    return exit_done;
}

Result<int> run_in_foreground(const Invocation& call, RunConsole console, const std::string& definition)
{
    CaughtSignals signals = TRY(CaughtSignals::open());  // before the machine is: a ^C of now must end it too
    SessionStyle style{.signals = call.has("--boot") ? SessionSignals::Stop : SessionSignals::Pass,
                       .until = SessionUntil::Gone,
                       .quiet = call.has("--quiet")};
    Started started;
    {
        Client client = TRY(connect(call));  // closed before the session: holmd and the bus have no part in it
        started = TRY(ask_to_run(client, call, console, definition), what_failed(call));
    }
    if (console == RunConsole::Terminal) {
        style.bytes = SessionBytes::Console;
        style.escape = is_terminal(STDIN_FILENO);
        style.end_of_input = !call.has("--boot");
    }
    if (call.has("--boot") && style.escape)
        tell(fmt::format("Machine '{}': press ^] three times within 1 s to detach.", started.name), call);
    const SessionEnd end = TRY(run_session(std::move(started.session), style, signals), cannot("run", started.name));
    if (end.kind == SessionEnd::Kind::Detached) tell(fmt::format("Detached; 'holmctl attach {}' comes back.", started.name), call);
    return exit_status_of_session(end);
}

}  // namespace

Result<int> run(const Invocation& call)
{
    const RunConsole console = TRY(choose_console(call));
    const std::string definition = TRY(definition_of(call));
    if (console == RunConsole::Detached) return run_detached(call, definition);
    return run_in_foreground(call, console, definition);
}

}  // namespace holm::cli::verbs
