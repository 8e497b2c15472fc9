// Plays holm-setup for a holm-supervisor: the "plan" is a file of KEY=VALUE lines that says what to do and what to say. The payload
// has a pid namespace of its own and nothing else, so that its end is that of a machine's PID 1.
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>

#include "base/text.h"
#include "kernel/message.h"
#include "kernel/namespace.h"
#include "kernel/process.h"
#include "kernel/pty.h"
#include "launch/channel.h"

using namespace holm;
using kernel::Message;

namespace {

constexpr int status = launch::channel::status_descriptor;
using Plan = std::map<std::string, std::string>;

template <typename T>
T must(Result<T> result)
{
    if (result) {
        if constexpr (!std::is_void_v<T>) return std::move(*result);
        else return;
    }
    std::ignore = kernel::send_message(status, kernel::error_message(result.error()));
    ::_exit(1);
}

Plan read_plan(const Message& request)
{
    Plan plan;
    std::string text = must(read_file(std::string(request.get("plan"))));
    for (std::string_view line : split(text, '\n'))
        if (size_t equals = line.find('='); equals != line.npos) plan.emplace(line.substr(0, equals), line.substr(equals + 1));
    return plan;
}

std::string_view find(const Plan& plan, const std::string& key, std::string_view otherwise = "")
{
    auto found = plan.find(key);
    return found == plan.end() ? otherwise : std::string_view(found->second);
}

void send_facts(const Plan& plan)
{
    Message facts("facts");
    facts.add("name", "test").add("unit", "").add("remove", "0").add("stop_signal", find(plan, "stop_signal", "15"));
    facts.add("start_timeout", find(plan, "start_timeout", "20000000")).add("stop_timeout", find(plan, "stop_timeout", "20000000"));
    for (auto& [key, otherwise] : Plan{{"console", "terminal"}, {"init", "command"}, {"ready", "started"}, {"boot", "0"}, {"empty", ""}})
        facts.add(key, find(plan, key, otherwise));
    must(kernel::send_message(status, facts));
}

// /run/host/notify of a machine; here any path.
void bind_notify(std::string_view path)
{
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(address.sun_path);
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    int on = 1;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ||
        ::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on))
        must(Result<>(sys_error("notify socket")));
    must(kernel::send_message(status, Message("notify"), {socket.get()}));
}

void take_terminal()
{
    kernel::Terminal terminal = must(kernel::open_terminal(must(open_file("/dev/ptmx", O_RDWR | O_NOCTTY))));
    must(kernel::send_message(status, Message("terminal"), {terminal.master.get()}));
    must(kernel::start_session(terminal.slave.get()));
    for (int fd : {0, 1, 2}) ::dup2(terminal.slave.get(), fd);
}

// As an init does; never where it would be the host's.
[[noreturn]] void reboot_or_power_off(const Plan& plan, const Message& request)
{
    ::close(status);
    auto wanted = parse_number(find(plan, "reboots"));
    if (::getpid() == 1) ::reboot(static_cast<uint64_t>(request.get_number("boots").value_or(0)) <= wanted ? RB_AUTOBOOT : RB_POWER_OFF);
    ::_exit(99);
}

[[noreturn]] void run_payload(const Plan& plan, const Message& request, bool terminal, std::string_view script)
{
    if (terminal) take_terminal();
    else
        for (int i = 0; i < 3; ++i) ::dup2(request.fds[request.fds.size() - 3 + static_cast<size_t>(i)].get(), i);
    must(kernel::send_message(status, Message("started")));
    if (request.kind == "boot" && plan.contains("reboots")) reboot_or_power_off(plan, request);
    std::string text(script), program(find(plan, "program", "/bin/sh"));
    ::execl(program.c_str(), "sh", "-c", text.c_str(), nullptr);
    must(Result<>(Error{Errc::NoCommand, errno, fmt::format("cannot execute '{}'", program)}));
    ::_exit(127);
}

void boot(const Plan& plan, const Message& request)
{
    if (plan.contains("silent")) ::_exit(7);
    send_facts(plan);
    for (std::string_view kind : split(find(plan, "say"), ' '))
        if (!kind.empty()) must(kernel::send_message(status, Message(kind)));
    Pair go = must(make_pipe());
    kernel::Child child = must(kernel::clone_process(CLONE_NEWPID | CLONE_PARENT, request.fds.at(0).get()));
    if (child.pid == 0) {
        char byte;
        go.second.reset();
        if (::read(go.first.get(), &byte, 1) != 1) ::_exit(1);
        run_payload(plan, request, find(plan, "console", "terminal") == "terminal", find(plan, "script"));
    }
    must(kernel::send_message(status, std::move(Message("leader").add("pid", int64_t{child.pid})), {child.pidfd.get()}));
    if (plan.contains("notify")) bind_notify(find(plan, "notify"));
    if (!plan.contains("hang")) must(write_all(go.second.get(), "g"));
    else ::pause();
    if (auto linger = parse_number(find(plan, "linger"))) ::usleep(static_cast<useconds_t>(*linger));  // µs, with the payload at work
}

void exec(const Plan& plan, const Message& request)
{
    must(kernel::join_namespaces(request.fds.at(0).get(), CLONE_NEWPID));
    kernel::Child child = must(kernel::clone_process(CLONE_PARENT));
    if (child.pid == 0) run_payload(plan, request, request.get("tty") == "1", request.get("arg"));
    must(kernel::send_message(status, std::move(Message("leader").add("pid", int64_t{child.pid})), {child.pidfd.get()}));
}

}  // namespace

int main(int count, char**)
{
    ::fcntl(status, F_SETFD, FD_CLOEXEC);
    Message request = must(kernel::receive_message(status));
    Plan plan = read_plan(request);
    if (count > 1) exec(plan, request);
    else boot(plan, request);
    return 0;
}
