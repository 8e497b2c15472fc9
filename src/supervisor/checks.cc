#include "supervisor/checks.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "machine/grammar.h"
#include "supervisor/listening.h"

namespace holm::supervisor {

using kernel::EndOfStream;
using kernel::Message;
using kernel::Packet;

namespace {

constexpr auto ready_interval = std::chrono::milliseconds(100);
constexpr auto ready_timeout = std::chrono::seconds(10);
constexpr auto ask_timeout = std::chrono::seconds(10);
constexpr size_t max_asked = 16;
constexpr size_t max_table = 4 << 20;  // bytes of /proc/PID/net/tcp: some 25 000 sockets

// A table of the machine's network namespace, seen through its PID 1.
Result<bool> is_listening(int leader, uint16_t port)
{
    for (const char* table : {"tcp", "tcp6"}) {
        auto text = read_regular_file(fmt::format("/proc/{}/net/{}", leader, table), max_table);
        if (!text && text.error().code == Errc::NotFound) continue;  // no IPv6, or no leader any more
        if (!text) return text.error();
        if (has_listener(*text, port)) return true;
    }
    return false;
}

Result<Message> exec_request(const Check& check, Fd session)
{
    Message request("exec");
    for (const std::string& argument : check.command) request.add("arg", argument);
    request.add("user", "root").add("tty", int64_t{0}).add("detach", int64_t{0}).add("bound", int64_t{1});
    request.fds.push_back(std::move(session));
    for (int i = 0; i < 3; ++i) request.fds.push_back(TRY(open_file("/dev/null", O_RDWR)));
    return request;
}

}  // namespace

Checks::Checks(kernel::EventLoop& loop, Handlers handlers) : loop_(loop), handlers_(std::move(handlers)), timer_(loop, [this] { look(); })
{
}

void Checks::follow(Checking wanted, unsigned boot, const Facts& facts)
{
    if (wanted == wanted_ && boot == boot_) return;
    wanted_ = wanted;
    boot_ = boot;
    facts_ = facts;
    failures_ = 0;
    run_.reset();
    timer_.disarm();
    switch (wanted) {
    case Checking::Nothing: return;
    case Checking::Ready: return look();
    case Checking::Health: std::ignore = timer_.arm(facts_.health->interval); return;
    }
}

void Checks::look()
{
    if (handlers_.paused()) {
        std::ignore = timer_.arm(ready_interval);
        return;
    }
    switch (wanted_) {
    case Checking::Nothing: return;
    case Checking::Ready:
        run_ = start(*facts_.ready_check, ready_timeout, [this](const Result<bool>& passed) { on_ready(passed); });
        return;
    case Checking::Health:
        run_ = start(facts_.health->check, facts_.health->timeout, [this](const Result<bool>& passed) { on_health(passed); });
        return;
    }
}

void Checks::on_ready(const Result<bool>& passed)
{
    if (passed && *passed) return handlers_.post(ReadyChecked{});
    std::ignore = timer_.arm(ready_interval);
}

void Checks::on_health(const Result<bool>& passed)
{
    std::ignore = timer_.arm(facts_.health->interval);
    if (passed && *passed) {
        failures_ = 0;
        return handlers_.post(HealthChanged{Health::Healthy, ""});
    }
    if (++failures_ != facts_.health->retries) return;
    std::string why = passed ? fmt::format("{} does not pass", facts_.health->check.what) : passed.error().text;
    handlers_.post(HealthChanged{Health::Unhealthy, fmt::format("{} ({} times in a row)", why, failures_)});
}

void Checks::ask(const Check& check, std::function<void(Result<bool>)> on_done)
{
    over_.clear();
    if (asked_.size() >= max_asked) return on_done(error(Errc::Busy, "too many checks are on their way"));
    auto place = asked_.emplace(asked_.end());
    auto run = start(check, ask_timeout, [this, place, on_done = std::move(on_done)](Result<bool> passed) {
        auto answer = on_done;
        over_.push_back(std::move(*place));
        asked_.erase(place);
        answer(std::move(passed));
    });
    if (run) *place = std::move(run);
}

// None: it is over already.
std::unique_ptr<Checks::Run> Checks::start(const Check& check, Microseconds timeout, std::function<void(Result<bool>)> on_done)
{
    if (check.port) {
        on_done(is_listening(handlers_.leader(), check.port));
        return {};
    }
    auto pair = make_socket_pair();
    auto request = pair ? exec_request(check, std::move(pair->second)) : Result<Message>(pair.error());
    auto run = std::make_unique<Run>();
    auto late = [here = run.get(), what = check.what, timeout] {
        here->finish(error(Errc::Timeout, "{} takes longer than {}", what, machine::describe_duration(timeout)));
    };
    run->deadline = std::make_unique<kernel::Timer>(loop_, late);
    run->on_done = std::move(on_done);
    Result<> begun = request ? Result<>() : Result<>(request.error());
    if (begun) {
        auto heard = [here = run.get()](Packet packet) {
            auto* message = std::get_if<Message>(&packet);
            if (message && message->kind == "exit") return here->finish(message->get_number("code") == 0);
            if (message && message->kind == "error") return here->finish(kernel::error_of(*message));
            if (std::holds_alternative<EndOfStream>(packet)) here->finish(error(Errc::Failed, "the command of the check was lost"));
        };
        run->session = std::make_unique<PacketStream>(loop_, std::move(pair->first), PacketStream::Handlers{.on_packet = heard});
        begun = run->session->open();
        if (begun) begun = run->deadline->arm(timeout);
        if (begun) begun = handlers_.exec(std::move(*request));
    }
    if (begun) return run;
    run->finish(begun.error());
    return {};
}

// From a callback of the deadline or the session: the run itself goes later.
void Checks::Run::finish(Result<bool> result)
{
    deadline->disarm();
    session.reset();
    if (auto done = std::exchange(on_done, nullptr)) done(std::move(result));
}

}  // namespace holm::supervisor
