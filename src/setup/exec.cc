#include "setup/exec.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "launch/plan_file.h"
#include "security/apply.h"
#include "setup/console.h"
#include "setup/payload.h"

namespace holm::setup {

namespace {

using kernel::Message;

struct Request {
    launch::Plan plan;
    security::FilterPrograms filter;
    std::vector<std::string> argv;  // none: the user's own shell, as a login shell
    std::vector<std::string> variables;
    std::string user, working_directory, term;
    bool terminal = false;
    WindowSize size;
    Fd leader;
    std::vector<Fd> pipes;
};

uint16_t small_number(const Message& message, std::string_view key)
{
    return static_cast<uint16_t>(std::clamp<int64_t>(message.get_number(key).value_or(0), 0, UINT16_MAX));
}

Result<Request> receive_exec(Status& status)
{
    Message message = TRY(status.receive_request("exec"));
    Request request;
    const std::string path(message.get("plan"));
    const std::string text = TRY(read_regular_file(path, launch::max_plan_file));
    request.plan = TRY(launch::parse_plan_file(text, path));
    request.filter = TRY(security::read_filter(request.plan.security));
    request.argv = message.get_all("arg");
    request.variables = message.get_all("env");
    request.user = message.has("user") && !message.get("user").empty() ? message.get("user") : "root";
    request.working_directory = message.get("workdir");
    request.terminal = message.get_number("tty") == 1;
    request.term = message.get("term");
    request.size = {.rows = small_number(message, "rows"), .columns = small_number(message, "cols")};
    // leader, cgroup of the exec (this process is in it), and the three of the client without a terminal
    if (message.fds.size() < (request.terminal ? 2u : 5u)) return error(Errc::Invalid, "the request 'exec' lacks descriptors");
    request.leader = std::move(message.fds[0]);
    for (size_t i = 2; !request.terminal && i < 5; ++i) request.pipes.push_back(std::move(message.fds[i]));
    return request;
}

// All namespaces of the machine that are not ours already; one cannot join one's own user namespace.
int namespaces_of(const launch::Plan& plan)
{
    int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    if (plan.rootfs.ids.has_namespace()) flags |= CLONE_NEWUSER;
    if (plan.network.kind != network::Kind::Host) flags |= CLONE_NEWNET;
    if (plan.security.boottime_offset || plan.security.monotonic_offset) flags |= CLONE_NEWTIME;
    return flags;
}

Result<> join(const Request& request)
{
    auto joined = kernel::join_namespaces(request.leader.get(), namespaces_of(request.plan));
    if (!joined && joined.error().sys_errno == ESRCH)
        return error(Errc::Unavailable, "machine '{}' has just ended", request.plan.name.text());
    return joined;
}

// The payload's, without what is the payload's alone; then the terminal's, the request's, the user's.
Result<Environment> make_environment(const Request& request, const kernel::User& user)
{
    Environment environment;
    bool other_user = request.user != request.plan.payload.user;
    for (auto& [name, value] : request.plan.payload.environment) {
        bool of_user = name == "HOME" || name == "USER" || name == "LOGNAME" || name == "SHELL";
        bool of_process = name == "NOTIFY_SOCKET" || name.starts_with("LISTEN_") || name.starts_with("WATCHDOG_");
        if (!of_process && !(of_user && other_user)) environment.emplace_back(name, value);
    }
    if (request.terminal && !request.term.empty()) set_variable(environment, "TERM", request.term);
    for (std::string_view variable : request.variables) {
        size_t equals = variable.find('=');
        if (equals == 0 || equals == variable.npos) return error(Errc::Invalid, "'{}' is not NAME=VALUE", printable(variable));
        set_variable(environment, std::string(variable.substr(0, equals)), std::string(variable.substr(equals + 1)));
    }
    complete_environment(environment, user);
    return environment;
}

// "-bash": a shell whose name begins with `-` is a login shell (login(1)).
std::string login_name(const std::string& shell)
{
    return "-" + shell.substr(shell.rfind('/') + 1);
}

std::string choose_working_directory(const Request& request, const kernel::User& user)
{
    if (!request.working_directory.empty()) return request.working_directory;
    if (!request.argv.empty()) return request.plan.payload.working_directory;
    return ::access(user.home.c_str(), X_OK) ? "/" : user.home;
}

Result<> run_command(Request request, Status& status)
{
    TRY(kernel::become_user({}));  // root of the machine's user namespace
    Fd root = TRY(open_file("/", O_PATH | O_DIRECTORY));
    status.enter("user");
    kernel::User user = TRY(kernel::observe_user(root.get(), request.user, request.plan.rootfs.ids.count));
    Environment environment = TRY(make_environment(request, user));
    status.enter("console");
    Streams streams{.pipes = std::move(request.pipes), .terminal = {}};
    if (request.terminal) streams.terminal = TRY(make_exec_terminal(root.get(), request.size, status));
    const std::string working_directory = choose_working_directory(request, user);
    bool login = request.argv.empty();
    return launch_payload({.security = request.plan.security,
                           .filter = request.filter,
                           .user = user,
                           .argv = login ? std::vector{login_name(user.shell)} : request.argv,
                           .program = login ? user.shell : "",
                           .environment = std::move(environment),
                           .working_directory = working_directory,
                           .streams = std::move(streams)},
                          status);
}

}  // namespace

Result<> exec_in_machine(Status& status)
{
    Request request = TRY(receive_exec(status));
    status.enter("limits");
    const std::vector<std::string> warnings = TRY(security::apply_limits(request.plan.security, ::getpid()));
    for (auto& warning : warnings) status.warn(warning);
    status.enter("namespaces");
    // Before the machine's processes can see this one: none may look into it or at its program (CVE-2019-5736, CVE-2016-9962).
    if (::prctl(PR_SET_DUMPABLE, 0)) return sys_error("cannot become invisible to debuggers");
    TRY(join(request));
    kernel::Child child = TRY(kernel::clone_process(CLONE_PARENT), "cannot make the process of the command");
    if (child.pid == 0) return run_command(std::move(request), status);
    return status.send_leader(child);
}

}  // namespace holm::setup
