#include "setup/exec.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/text.h"
#include "kernel/capability.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "launch/plan_file.h"
#include "security/apply.h"
#include "security/capability_set.h"
#include "setup/console.h"
#include "setup/debug.h"
#include "setup/payload.h"
#include "setup/record.h"
#include "setup/sandbox.h"

namespace holm::setup {

namespace {

using kernel::Message;

constexpr std::chrono::microseconds max_watched = std::chrono::hours(24);

struct Request {
    launch::Plan plan;
    security::FilterPrograms filter;
    std::vector<std::string> argv;  // none: the user's own shell, as a login shell
    std::vector<std::string> variables;
    std::string user, working_directory, term;
    std::string tools;  // of debug: a root on the host; "": the command runs in the machine itself
    bool terminal = false;
    WindowSize size;
    Fd leader;
    std::vector<Fd> pipes;
    Fd report;                             // of what is recorded
    std::chrono::microseconds watched{0};  // with a report and no command: how long the machine is watched
    Fd cgroup;
    Fd runtime;  // program of the OCI runtime, where the plan has one
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
    request.tools = message.get("tools");
    request.terminal = message.get_number("tty") == 1;
    request.term = message.get("term");
    request.size = {.rows = small_number(message, "rows"), .columns = small_number(message, "cols")};
    // leader, cgroup of the exec (this process is in it), and the three of the client without a terminal
    const bool records = message.has("record");
    if (message.fds.size() < (request.terminal ? 2u : 5u) + (records ? 1u : 0u))
        return error(Errc::Invalid, "the request 'exec' lacks descriptors");
    if (records) request.report = std::move(message.fds.back());
    request.watched = std::chrono::microseconds(std::clamp<int64_t>(message.get_number("record").value_or(0), 0, max_watched.count()));
    request.leader = std::move(message.fds[0]);
    request.cgroup = std::move(message.fds[1]);
    for (size_t i = 2; !request.terminal && i < 5; ++i) request.pipes.push_back(std::move(message.fds[i]));
    // Less than the payload has, never more.
    if (message.has("limited")) {
        uint64_t kept = 0;
        for (const std::string& name : message.get_all("capability")) kept |= TRY(security::parse_capability_bit(name));
        request.plan.security.capabilities &= kept;
    }
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
    Launch launch{.security = request.plan.security,
                  .filter = request.filter,
                  .user = user,
                  .argv = login ? std::vector{login_name(user.shell)} : request.argv,
                  .program = login ? user.shell : "",
                  .environment = std::move(environment),
                  .working_directory = working_directory,
                  .streams = std::move(streams)};
    if (!request.runtime) return launch_payload(std::move(launch), status);
    return exec_in_sandbox(std::move(launch), {.plan = request.plan, .program = std::move(request.runtime), .root = {}}, status);
}

constexpr const char* debug_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/machine/usr/sbin:/machine/usr/bin:/machine/bin";
constexpr const char* debug_shells[] = {"/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"};

// With the privileges of the host: what it is to look into may be anything.
Result<> run_tools(Request request, int root, Status& status)
{
    status.enter("console");
    Streams streams{.pipes = std::move(request.pipes), .terminal = {}};
    if (request.terminal) {
        Fd host = TRY(open_file("/", O_PATH | O_DIRECTORY));
        streams.terminal = TRY(make_exec_terminal(host.get(), request.size, status));
    }
    status.enter("tools");
    TRY(enter_tools(root));
    kernel::User user{.name = "root", .home = "/", .shell = "/bin/sh"};
    if (request.argv.empty())
        for (const char* shell : debug_shells)
            if (request.argv.empty() && ::access(shell, X_OK) == 0) request.argv.emplace_back(shell);
    if (request.argv.empty()) return error(Errc::NoCommand, "the tools in '{}' have no shell", printable(request.tools));
    Environment environment{{"PATH", debug_path}};
    if (!request.term.empty()) set_variable(environment, "TERM", request.term);
    complete_environment(environment, user);
    const security::Plan security{.capabilities = kernel::known_capabilities()};
    const security::FilterPrograms no_filter;
    return launch_payload({.security = security,
                           .filter = no_filter,
                           .user = user,
                           .argv = request.argv,
                           .environment = std::move(environment),
                           .working_directory = "/",
                           .streams = std::move(streams)},
                          status);
}

Result<> debug_machine(Request request, Status& status)
{
    status.enter("tools");
    const launch::Plan& plan = request.plan;
    Fd root = TRY(prepare_tools({.path = request.tools,
                                 .leader = request.leader.get(),
                                 .own_network = plan.network.kind != network::Kind::Host,
                                 .own_time = plan.security.boottime_offset || plan.security.monotonic_offset}));
    kernel::Child child = TRY(kernel::clone_process(CLONE_PARENT), "cannot make the process of the command");
    if (child.pid == 0) return run_tools(std::move(request), root.get(), status);
    return status.send_leader(child);
}

// The child of the supervisor is what watches: it is in the exec's own cgroup, and all others of the payload are watched.
Result<> watch_machine(Request request, Status& status)
{
    status.enter("record");
    Fd payload = TRY(open_at(request.cgroup.get(), "..", O_RDONLY | O_DIRECTORY));
    kernel::Child child = TRY(kernel::clone_process(CLONE_PARENT), "cannot make the process that records");
    if (child.pid != 0) return status.send_leader(child);
    TRY(status.send(Message("started")));
    ::close(status.socket());
    const Recording recording{.report = std::move(request.report), .capabilities = request.plan.security.capabilities};
    auto recorded = record_cgroup(payload.get(), request.cgroup.get(), request.watched, recording);
    if (!recorded) std::ignore = write_all(recording.report.get(), fmt::format("error {}\n", printable(recorded.error().text, 1024)));
    ::_exit(recorded ? 0 : 1);
}

// Nothing of the command runs before who records it sees it.
void wait_for_go(const Fd& go)
{
    char byte;
    ssize_t size;
    while ((size = ::read(go.get(), &byte, 1)) < 0 && errno == EINTR) {}
    if (size != 1) ::_exit(1);
}

Result<> start_command(Request request, std::optional<CommandRecorder> recorder, Status& status)
{
    Pair go = TRY(make_pipe());
    kernel::Child child = TRY(kernel::clone_process(CLONE_PARENT), "cannot make the process of the command");
    if (child.pid == 0) {
        go.second.reset();
        if (recorder) wait_for_go(go.first);
        recorder.reset();
        return run_command(std::move(request), status);
    }
    TRY(status.send_leader(child));
    if (!recorder) return {};
    status.enter("record");
    TRY(recorder->watch(child.pid));
    return write_all(go.second.get(), "g");
}

}  // namespace

Result<> exec_in_machine(Status& status)
{
    Request request = TRY(receive_exec(status));
    if (!request.tools.empty()) return debug_machine(std::move(request), status);
    if (const std::string& runtime = request.plan.security.runtime; !runtime.empty()) {
        if (request.report)
            return error(Errc::NotSupported, "what is called in a sandbox is not the host's kernel, and cannot be recorded");
        request.runtime = TRY(kernel::open_source(runtime, O_PATH), fmt::format("runtime '{}'", printable(runtime)));
    }
    if (request.report && request.argv.empty()) return watch_machine(std::move(request), status);
    status.enter("limits");
    const std::vector<std::string> warnings = TRY(security::apply_limits(request.plan.security, ::getpid()));
    for (auto& warning : warnings) status.warn(warning);
    std::optional<CommandRecorder> recorder;
    if (request.report)
        recorder = TRY(CommandRecorder::start({.report = std::move(request.report), .capabilities = request.plan.security.capabilities}));
    status.enter("namespaces");
    // Before the machine's processes can see this one: none may look into it or at its program (CVE-2019-5736, CVE-2016-9962).
    if (::prctl(PR_SET_DUMPABLE, 0)) return sys_error("cannot become invisible to debuggers");
    TRY(join(request));
    return start_command(std::move(request), std::move(recorder), status);
}

}  // namespace holm::setup
