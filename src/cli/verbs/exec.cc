// exec and shell: a command in a machine. attach and login: its console.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

enum class ExecConsole { Pipes, Terminal, Detached };

Result<ExecConsole> choose_console(const Invocation& call)
{
    if (call.has("--tty") && call.has("--pipe")) return error(Errc::Invalid, "--tty and --pipe exclude each other");
    if (call.has("--detach") && (call.has("--tty") || call.has("--pipe")))
        return error(Errc::Invalid, "--detach and {} exclude each other", call.has("--tty") ? "--tty" : "--pipe");
    if (call.has("--detach")) return ExecConsole::Detached;
    if (call.has("--tty")) return ExecConsole::Terminal;
    const bool terminal = is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO);
    return terminal && !call.has("--pipe") ? ExecConsole::Terminal : ExecConsole::Pipes;
}

struct Command {
    std::string machine;
    std::string user;
    std::vector<std::string> words;  // none: the user's login shell
    std::vector<std::string> environment;
    std::string tools;  // of debug: a root on the host
};

std::vector<std::string> environment_of(const Invocation& call)
{
    std::vector<std::string> variables = call.values("--env");
    const std::vector<std::string>& more = call.values("--setenv");
    variables.insert(variables.end(), more.begin(), more.end());
    return variables;
}

systemd::Options exec_options(const Invocation& call, const Command& command, ExecConsole console)
{
    systemd::Options options = {{"tty", console == ExecConsole::Terminal}, {"detach", console == ExecConsole::Detached}};
    if (!command.user.empty()) options["user"] = command.user;
    if (call.has("--workdir")) options["workdir"] = call.value("--workdir");
    if (console != ExecConsole::Terminal) return options;
    WindowSize size = window_size();
    if (size.rows) options.insert({{"rows", size.rows}, {"columns", size.columns}});
    if (const char* terminal = ::getenv("TERM"); terminal && *terminal) options["term"] = std::string(terminal);
    return options;
}

Result<Fd> ask_to_exec(const Invocation& call, const Command& command, ExecConsole console)
{
    for (const std::string& variable : command.environment)
        if (variable.find('=') == 0 || variable.find('=') == variable.npos)
            return error(Errc::Invalid, "--env={}: not of the form KEY=VALUE", printable(variable));
    std::vector<Fd> fds;
    if (console == ExecConsole::Pipes)
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) fds.push_back(TRY(duplicate(fd)));
    Client client = TRY(connect(call));
    if (!command.tools.empty())
        return client.ask<Fd>("DebugMachine", command.machine, command.tools, exec_options(call, command, console), command.words, fds);
    return client.ask<Fd>("Exec", command.machine, exec_options(call, command, console), command.words, command.environment, fds);
}

Result<int> run_command(const Invocation& call, const Command& command, ExecConsole console)
{
    const std::string act = command.words.empty() ? "open a shell" : fmt::format("run '{}'", printable(command.words[0]));
    const std::string what = cannot(act + " in", command.machine);
    CaughtSignals signals = TRY(CaughtSignals::open());
    Fd session = TRY(ask_to_exec(call, command, console), what);
    SessionStyle style{.quiet = call.has("--quiet")};
    if (console == ExecConsole::Terminal) {
        style.bytes = SessionBytes::Terminal;
        style.escape = is_terminal(STDIN_FILENO);
    }
    if (console == ExecConsole::Detached) style.until = SessionUntil::Started;
    return exit_status_of_session(TRY(run_session(std::move(session), style, signals), what));
}

// The connection ends with the answer: holmd and the bus have no part in a session.
Result<Fd> ask_to_attach(const Invocation& call, const std::string& name)
{
    const WindowSize size = window_size();
    Client client = TRY(connect(call));
    return client.ask<Fd>("AttachMachine", name, size.rows, size.columns);
}

// On standard error, also where that is no terminal: the console itself says nothing of it.
void say_end(const std::string& name, const SessionEnd& end, const Invocation& call)
{
    if (call.has("--quiet")) return;
    switch (end.kind) {
    case SessionEnd::Kind::Exited: complain(fmt::format("machine '{}' exited with status {}", printable(name), end.number)); break;
    case SessionEnd::Kind::Signalled:
        complain(fmt::format("machine '{}' was ended by {}", printable(name), machine::describe_signal(end.number)));
        break;
    case SessionEnd::Kind::Detached: break;
    }
}

// "USER@NAME" or "NAME".
Command parse_target(const Invocation& call)
{
    Command command{.machine = call.operands[0],
                    .user = call.value("--user", call.value("--uid")),
                    .words = call.command,
                    .environment = environment_of(call)};
    const size_t at = command.machine.find('@');
    if (at == std::string::npos) return command;
    if (command.user.empty()) command.user = command.machine.substr(0, at);
    command.machine.erase(0, at + 1);
    return command;
}

// "host", a path, or the name of an image that is a folder.
Result<std::string> find_tools(const std::string& text)
{
    if (text.empty() || text == "host") return std::string("/");
    if (text.find('/') != text.npos) return absolute_path(text, TRY(working_folder()));
    for (const char* folder : {"/var/lib/holm/images/", "/var/lib/machines/"}) {
        std::error_code missing;
        if (std::filesystem::is_directory(folder + text, missing)) return folder + text;
    }
    return error(Errc::NotFound, "there is no image '{}' with tools in /var/lib/holm/images or /var/lib/machines", printable(text));
}

}  // namespace

Result<int> debug(const Invocation& call)
{
    Command command{.machine = call.operands[0], .user = "", .words = call.command, .environment = {}, .tools = {}};
    command.tools = TRY(find_tools(call.value("--tools")), cannot("debug", command.machine));
    return run_command(call, command, TRY(choose_console(call)));
}

Result<int> exec(const Invocation& call)
{
    const Command command{
        .machine = call.operands[0], .user = call.value("--user"), .words = call.command, .environment = environment_of(call)};
    return run_command(call, command, TRY(choose_console(call)));
}

// With a command as exec, but that the user may stand before the name; without one always a terminal where there is one.
Result<int> shell(const Invocation& call)
{
    return run_command(call, parse_target(call), TRY(choose_console(call)));
}

Result<int> attach(const Invocation& call)
{
    const std::string& name = call.operands[0];
    const std::string what = cannot("attach to", name);
    CaughtSignals signals = TRY(CaughtSignals::open());
    Fd session = TRY(ask_to_attach(call, name), what);
    const SessionStyle style{.bytes = SessionBytes::Console,
                             .signals = SessionSignals::Detach,
                             .escape = is_terminal(STDIN_FILENO),
                             .end_of_input = false,
                             .quiet = call.has("--quiet")};
    if (style.escape) tell(fmt::format("Attached to machine '{}': press ^] three times within 1 s to detach.", printable(name)), call);
    const SessionEnd end = TRY(run_session(std::move(session), style, signals), what);
    say_end(name, end, call);
    return exit_status_of_session(end);
}

}  // namespace holm::cli::verbs
