#include "supervisor/setup_run.h"

#include <signal.h>

#include <algorithm>

#include "base/text.h"
#include "supervisor/spawn.h"

namespace holm::supervisor {

using kernel::Message;
using kernel::Packet;

namespace {
constexpr unsigned max_messages = 256;  // of one run: a lock for each of 64 layers, warnings, and a dozen others
}

Result<WaitingSetup> SetupRun::spawn(const Program& program)
{
    Pair sockets = TRY(make_socket_pair());
    kernel::Child process = TRY(supervisor::spawn({program.path, program.arguments, program.cgroup, sockets.second.get()}));
    return WaitingSetup{program.path, std::move(process), std::move(sockets.first)};
}

Result<> SetupRun::start(WaitingSetup waiting, Message first)
{
    path_ = std::move(waiting.path);
    setup_ = std::make_unique<Child>(std::move(waiting.process));
    status_ = std::make_unique<PacketStream>(loop_, std::move(waiting.status),
                                             PacketStream::Handlers{.on_packet = [this](Packet packet) { on_packet(std::move(packet)); }});
    TRY(status_->open());
    status_->send(std::move(first));
    auto watched = setup_->watch(loop_, [this](WaitStatus status) {
        exit_ = status;
        setup_.reset();
        finish();
    });
    if (!watched) kill();
    return watched;
}

void SetupRun::go_on()
{
    if (status_) status_->send(Message("continue"));
}

void SetupRun::kill()
{
    if (!failure_) failure_ = error(Errc::Failed, "the start was broken off");
    if (setup_) std::ignore = setup_->signal(SIGKILL);
}

void SetupRun::on_packet(Packet packet)
{
    if (auto* message = std::get_if<Message>(&packet)) {
        if (++messages_ > max_messages) return refuse("too many messages");
        return on_message(*message);
    }
    if (std::holds_alternative<kernel::Data>(packet)) return refuse("bytes where a message was expected");
    status_.reset();
    finish();
}

void SetupRun::on_message(Message& message)
{
    const std::string_view kind = message.kind;
    auto descriptor = [&] { return message.fds.empty() ? Fd() : std::move(message.fds.front()); };
    if (kind == "warning") return handlers_.on_warning(printable(message.get("text"), 1024));
    if (kind == "lock") return handlers_.on_lock ? handlers_.on_lock(std::string(message.get("path")), descriptor()) : refuse("a lock");
    if (!once(kind)) return refuse("the same message twice");
    if (kind == "error") {
        failure_ = kernel::error_of(message);
        failure_->text = printable(failure_->text, 4096);
        failed_step_ = printable(message.get("step"), 32);
    } else if (kind == "facts" && handlers_.on_facts) {
        auto facts = parse_facts(message);
        if (!facts) return refuse(facts.error().text);
        handlers_.on_facts(std::move(*facts));
    } else if (kind == "leader") {
        int64_t pid = message.get_number("pid").value_or(0);
        if (pid <= 1 || pid > INT32_MAX || message.fds.empty()) return refuse("a leader without a process");
        handlers_.on_leader(static_cast<pid_t>(pid), descriptor());
    } else if (kind == "notify" && handlers_.on_notify && !message.fds.empty()) handlers_.on_notify(descriptor());
    else if (kind == "held" && handlers_.on_held)
        handlers_.on_held(printable(message.get("step"), 32), printable(message.get("why"), 4096));
    else if (kind == "memory" && handlers_.on_memory && !message.fds.empty()) handlers_.on_memory(descriptor());
    else if (kind == "terminal" && !message.fds.empty()) handlers_.on_terminal(descriptor());
    else if (kind != "started") refuse("a message that makes no sense");
}

bool SetupRun::is_executing() const
{
    return std::find(heard_.begin(), heard_.end(), "started") != heard_.end();
}

// Whether this kind is said for the first time.
bool SetupRun::once(std::string_view kind)
{
    if (std::find(heard_.begin(), heard_.end(), kind) != heard_.end()) return false;
    heard_.emplace_back(kind);
    return true;
}

void SetupRun::refuse(std::string_view what)
{
    if (!failure_) failure_ = error(Errc::Failed, "{} said what it may not: {}", path_, printable(what));
    if (setup_) std::ignore = setup_->signal(SIGKILL);
    // What is left of the run is inside the machine: whoever gave the order to start it ends that.
    status_.reset();
    finish();
}

// The socket ends with the exec of the payload or the end of the child that was to do it, holm-setup when it has let that child go.
void SetupRun::finish()
{
    if (status_ || setup_) return;
    Result<> result;
    if (failure_) result = *failure_;
    else if (!is_executing()) result = error(Errc::Failed, "{} ended without a word: {}", path_, describe_status(exit_));
    auto on_done = std::move(handlers_.on_done);
    on_done(std::move(result));
}

namespace {

std::optional<Check> parse_check(const Message& message, const std::string& key)
{
    if (!message.has(key + "_what")) return {};
    return Check{.command = message.get_all(key + "_command"),
                 .port = static_cast<uint16_t>(std::clamp<int64_t>(message.get_number(key + "_port").value_or(0), 0, UINT16_MAX)),
                 .what = printable(message.get(key + "_what"), 256)};
}

unsigned small_number(const Message& message, std::string_view key, unsigned otherwise)
{
    return static_cast<unsigned>(std::clamp<int64_t>(message.get_number(key).value_or(otherwise), 0, UINT32_MAX));
}

Microseconds time_of(const Message& message, std::string_view key, Microseconds otherwise)
{
    return Microseconds(std::max<int64_t>(message.get_number(key).value_or(otherwise.count()), 0));
}

void parse_restarts(const Message& message, Facts& facts)
{
    const std::string_view restart = message.get("restart"), on_failure = message.get("on_failure");
    facts.restart = restart == "always" ? Restart::Always : restart == "on-failure" ? Restart::OnFailure : Restart::No;
    facts.restart_delay = time_of(message, "restart_delay", facts.restart_delay);
    facts.restart_limit = small_number(message, "restart_limit", facts.restart_limit);
    facts.ready_check = parse_check(message, "ready");
    auto check = parse_check(message, "health");
    if (!check) return;
    HealthFacts health{.check = std::move(*check)};
    health.interval = std::max<Microseconds>(time_of(message, "health_interval", health.interval), std::chrono::milliseconds(10));
    health.timeout = time_of(message, "health_timeout", health.timeout);
    health.retries = std::max(1u, small_number(message, "health_retries", health.retries));
    health.on_failure = on_failure == "restart" ? OnUnhealthy::Restart : on_failure == "stop" ? OnUnhealthy::Stop : OnUnhealthy::None;
    facts.health = std::move(health);
}

}  // namespace

Result<Facts> parse_facts(const Message& message)
{
    Facts facts;
    auto duration = [&](std::string_view key, Microseconds& to) {
        auto number = message.get_number(key);
        if (number && *number >= 0) to = Microseconds(*number);
        return number && *number >= 0;
    };
    auto signal = message.get_number("stop_signal");
    if (!signal || *signal < 1 || *signal >= NSIG) return error(Errc::Invalid, "facts with a bad stop_signal");
    if (!duration("start_timeout", facts.start_timeout) || !duration("stop_timeout", facts.stop_timeout))
        return error(Errc::Invalid, "facts without timeouts");
    facts.stop_signal = static_cast<int>(*signal);
    facts.init = message.get("init");
    facts.boot = message.get("boot") == "1";
    facts.terminal = message.get("console") == "terminal";
    facts.ready_by_notify = message.get("ready") == "notify";
    facts.remove = message.get("remove") == "1";
    facts.unit = message.get("unit");
    facts.empty = message.get("empty");
    parse_restarts(message, facts);
    return facts;
}

}  // namespace holm::supervisor
