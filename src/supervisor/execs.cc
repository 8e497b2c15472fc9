#include "supervisor/execs.h"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <utility>

namespace holm::supervisor {

using kernel::EndOfStream;
using kernel::Message;
using kernel::Packet;

namespace {

constexpr auto start_timeout = std::chrono::seconds(30);  // from the request to the exec of the command

Message exit_message(const WaitStatus& status)
{
    Message message("exit");
    message.add(status.signalled ? "signal" : "code", int64_t{status.value});
    return message;
}

}  // namespace

Result<> Execs::start(const Machine& machine, Message request)
{
    const size_t standard = (request.get("tty") == "1" ? 0 : 3) + (request.has("record") ? 1 : 0);
    if (request.get("detach") == "1" && !request.fds.empty()) {
        request.fds.resize(1);  // the session: what is detached reads and writes nothing of its client
        while (request.fds.size() < 1 + standard) request.fds.push_back(TRY(open_file("/dev/null", O_RDWR)));
    }
    if (request.fds.size() != 1 + standard)
        return error(Errc::Invalid, "an exec with {} descriptors instead of {}", request.fds.size(), 1 + standard);
    if (execs_.size() >= max_execs) return error(Errc::Busy, "more than {} commands run in the machine beside its payload", max_execs);

    auto exec = execs_.insert(execs_.end(), Exec{});
    exec->name = fmt::format("holm-exec-{}", ++last_number_);
    exec->bound = request.get("bound") == "1";
    Fd session = std::move(request.fds.front());
    request.fds.erase(request.fds.begin());
    exec->session = std::make_unique<PacketStream>(
        loop_, std::move(session),
        PacketStream::Handlers{.on_packet = [this, exec](Packet packet) { on_session(exec, std::move(packet)); },
                               .on_drained =
                                   [this, exec] {
                                       if (!exec->told) return;
                                       exec->session.reset();
                                       settle(exec);
                                   }});
    Result<> launched = exec->session->open();
    if (launched) launched = launch(machine, exec, std::move(request));
    if (launched) return {};
    std::ignore = cgroup_.remove_exec(exec->name);
    execs_.erase(exec);
    return launched;
}

Result<> Execs::launch(const Machine& machine, Item exec, Message request)
{
    exec->cgroup = TRY(cgroup_.make_exec(exec->name));
    exec->events = std::make_unique<CgroupEvents>();
    TRY(exec->events->watch(loop_, exec->cgroup.get(), [this, exec] { settle(exec); }));
    exec->deadline = std::make_unique<kernel::Timer>(loop_, [exec] {
        exec->setup->kill();
        std::ignore = kernel::kill_cgroup(exec->cgroup.get());
    });
    TRY(exec->deadline->arm(start_timeout));
    // Debug is not the payload's, whom it may find frozen: it stays with the supervisor, and ends with the machine's PID 1.
    const int cgroup = request.has("tools") ? -1 : exec->cgroup.get();
    request.add("plan", machine.plan);
    std::vector<Fd> standard = std::exchange(request.fds, {});
    request.fds.push_back(TRY(duplicate(machine.leader)));
    request.fds.push_back(TRY(duplicate(exec->cgroup.get())));
    for (Fd& fd : standard) request.fds.push_back(std::move(fd));
    exec->setup = std::make_unique<SetupRun>(loop_, setup_handlers(exec));
    // Born in its cgroup, so that nothing of it can stay behind when the payload is killed.
    WaitingSetup waiting = TRY(SetupRun::spawn({.path = machine.setup, .arguments = {"--exec"}, .cgroup = cgroup}));
    return exec->setup->start(std::move(waiting), std::move(request));
}

SetupRun::Handlers Execs::setup_handlers(Item exec)
{
    return {
        .on_facts = {},
        .on_lock = {},
        .on_notify = {},
        .on_memory = {},
        .on_leader =
            [this, exec](pid_t pid, Fd pidfd) {
                exec->leader = std::make_unique<Child>(pid, std::move(pidfd));
                if (!exec->leader->watch(loop_, [this, exec](WaitStatus status) { on_leader_exit(exec, status); })) exec->setup->kill();
            },
        .on_terminal =
            [exec](Fd master) {
                Message message("terminal");
                message.fds.push_back(std::move(master));
                if (exec->session) exec->session->send(std::move(message));
            },
        .on_warning =
            [exec](const std::string& text) {
                if (exec->session) exec->session->send(std::move(Message("warning").add("text", text)));
            },
        .on_done = [this, exec](const Result<>& result) { on_setup_done(exec, result); },
    };
}

void Execs::on_setup_done(Item exec, const Result<>& result)
{
    exec->setup.reset();
    exec->deadline.reset();
    if (!result) tell_last(exec, kernel::error_message(result.error()));
    else if (exec->session) exec->session->send(Message("started"));
    if (exec->exit) tell_last(exec, exit_message(*exec->exit));
    settle(exec);
}

void Execs::on_leader_exit(Item exec, WaitStatus status)
{
    exec->leader.reset();
    // The run's last word says whether it was the command that ended.
    if (exec->setup) exec->exit = status;
    else tell_last(exec, exit_message(status));
    settle(exec);
}

void Execs::on_session(Item exec, Packet packet)
{
    if (std::holds_alternative<EndOfStream>(packet)) {
        // The command goes on; of one with a terminal the client held the master, and the kernel hangs it up.
        exec->session.reset();
        if (exec->bound && exec->cgroup) std::ignore = kernel::kill_cgroup(exec->cgroup.get());
        return settle(exec);
    }
    auto* message = std::get_if<Message>(&packet);
    int64_t signal = message && message->kind == "signal" ? message->get_number("signal").value_or(0) : 0;
    if (exec->leader && signal > 0 && signal < NSIG) std::ignore = exec->leader->signal(static_cast<int>(signal));
}

// Before its client is told, who then finds nothing of it.
void Execs::tell_last(Item exec, Message message)
{
    remove_if_over(exec);
    if (std::exchange(exec->told, true) || !exec->session) return;
    exec->session->send(std::move(message));
    if (exec->session->waiting() == 0) exec->session.reset();
}

void Execs::remove_if_over(Item exec)
{
    if (exec->setup || exec->leader || !exec->events || exec->events->populated()) return;
    exec->events.reset();
    std::ignore = cgroup_.remove_exec(exec->name);
}

void Execs::settle(Item exec)
{
    remove_if_over(exec);
    if (!exec->setup && !exec->leader && !exec->events && (!exec->session || !exec->told)) execs_.erase(exec);
    on_change_();
}

bool Execs::over() const
{
    return std::none_of(execs_.begin(), execs_.end(), [](const Exec& exec) { return exec.setup || exec.leader; });
}

bool Execs::has_sessions() const
{
    return std::any_of(execs_.begin(), execs_.end(), [](const Exec& exec) { return exec.session != nullptr; });
}

}  // namespace holm::supervisor
