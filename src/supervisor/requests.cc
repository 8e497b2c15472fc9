// What connections ask of a supervisor (launch/channel.h, part 1).
#include <signal.h>

#include <utility>

#include "base/text.h"
#include "supervisor/supervisor.h"

namespace holm::supervisor {

using kernel::Message;

namespace {

Message answer(const Result<>& result)
{
    if (result) return Message("ok");
    return kernel::error_message(result.error());
}

// What a payload at work answers in its own way. "terminate" does not ask it.
bool concerns_payload(std::string_view kind)
{
    return kind == "exec" || kind == "kill" || kind == "freeze" || kind == "check" || kind == "stop" || kind == "reboot";
}

}  // namespace

void Supervisor::on_request(Control::Origin origin, Message request, Control::Reply reply)
{
    const std::string kind = request.kind;
    if (concerns_payload(kind) && is_executing()) return early_requests_.push_back({origin, std::move(request), std::move(reply)});
    auto post_and_answer = [&](Event event) {
        post(std::move(event));
        reply(Message("ok"));
    };
    if (kind == "go" && origin == Control::Origin::Channel) return reply(answer(go(request)));
    if (kind == "exec") return reply(answer(exec(std::move(request))));
    if (kind == "attach") return reply(answer(attach(request)));
    if (kind == "kill") return reply(answer(kill(request)));
    if (kind == "freeze") return freeze(kernel::Freeze::Frozen, std::move(reply));
    if (kind == "thaw") return freeze(kernel::Freeze::Thawed, std::move(reply));
    if (kind == "check") return check(request, std::move(reply));
    if (kind == "console") return reply(std::move(Message("console").add("text", without_nul(console_.last_output()))));
    if (kind == "stop") return post_and_answer(StopAsked{});
    if (kind == "boot") return post_and_answer(BootAsked{});
    if (kind == "terminate") return post_and_answer(TerminateAsked{});
    if (kind == "continue" || kind == "abort") {
        if (auto allowed = allow_held(state_); !allowed) return reply(answer(allowed));
        return post_and_answer(kind == "abort" ? Event(TerminateAsked{}) : Event(GoOnAsked{}));
    }
    if (kind == "reboot") {
        if (auto allowed = allow_reboot(state_); !allowed) return reply(answer(allowed));
        return post_and_answer(RebootAsked{});
    }
    reply(answer(error(Errc::NotSupported, "the supervisor of the machine does not know '{}'", printable(kind))));
}

void Supervisor::stop()
{
    on_request(Control::Origin::Socket, Message("stop"), [](const Message&) {});
}

// The scope is there: the plan may be carried out.
Result<> Supervisor::go(Message& request)
{
    if (state_.phase != Phase::Waiting || options_.mode != Mode::Scope) return error(Errc::Busy, "the machine was started before");
    if (request.fds.size() != 0 && request.fds.size() != 1 && request.fds.size() != 4)
        return error(Errc::Invalid, "a start with {} descriptors", request.fds.size());
    journal_.open(Journal::OwnWords::Journal);
    if (!request.fds.empty())
        TRY(console_.add_session(std::move(request.fds.front()), SessionKind::Foreground, parse_window_size(request)));
    for (size_t i = 1; i < request.fds.size(); ++i) standard_.push_back(std::move(request.fds[i]));
    plan_ready();
    return {};
}

Result<> Supervisor::exec(Message request)
{
    TRY(request.has("tools") ? allow_debug(state_) : allow_exec(state_));
    return execs_.start({.setup = options_.setup, .plan = options_.plan, .leader = payload_.leader_pidfd()}, std::move(request));
}

Result<> Supervisor::attach(Message& request)
{
    if (request.fds.size() != 1) return error(Errc::Invalid, "an attach without a session");
    if (state_.phase == Phase::Ended) return error(Errc::Busy, "the machine has ended");
    if (state_.boots > 0 && !state_.facts.terminal && state_.phase != Phase::Booting)
        return error(Errc::Busy, "the machine has no console: it runs on the descriptors of its client");
    return console_.add_session(std::move(request.fds.front()), SessionKind::Attach, parse_window_size(request));
}

Result<> Supervisor::kill(const Message& request)
{
    int64_t signal = request.get_number("signal").value_or(-1);
    std::string_view whom = request.get("whom");
    if (signal < 0 || signal >= NSIG) return error(Errc::Invalid, "{} is no signal", printable(request.get("signal")));
    TRY(allow_on_payload(state_));
    if (whom == "leader") return payload_.signal_leader(static_cast<int>(signal));
    if (whom == "all") return payload_.signal_all(static_cast<int>(signal));
    return error(Errc::Invalid, "'{}' is neither 'leader' nor 'all'", printable(whom));
}

// Of the foreground client: where there is nothing to be signalled yet, what would end the payload ends its start.
// The payload may run before its word of that is read: the first signal waits for it, a second one ends the start.
void Supervisor::signal_payload(int signal)
{
    if (allow_on_payload(state_)) std::ignore = payload_.signal_leader(signal);
    else if (state_.phase == Phase::Booting && early_signals_.empty()) early_signals_.push_back(signal);
    else if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT || signal == SIGKILL) post(StopAsked{});
}

// Before the payload runs the terminal's signal has met nobody.
void Supervisor::press(int signal, int group)
{
    if (allow_on_payload(state_)) payload_.press(signal, group);
    else signal_payload(signal);
}

void Supervisor::freeze(kernel::Freeze wanted, Control::Reply reply)
{
    if (auto allowed = allow_on_payload(state_); !allowed) return reply(answer(allowed));
    payload_.freeze(wanted, [reply = std::move(reply)](const Result<>& result) { reply(answer(result)); });
}

// Whether a port listens or a command ends with 0, now.
void Supervisor::check(const Message& request, Control::Reply reply)
{
    if (auto allowed = allow_exec(state_); !allowed) return reply(answer(allowed));
    const int64_t port = request.get_number("port").value_or(0);
    Check check{.command = request.get_all("arg"), .port = static_cast<uint16_t>(port), .what = "the check"};
    if (port < 0 || port > UINT16_MAX || (port == 0 && check.command.empty()))
        return reply(answer(error(Errc::Invalid, "a check of nothing")));
    checks_.ask(check, [reply = std::move(reply)](const Result<bool>& passed) {
        if (passed) reply(std::move(Message("ok").add("passed", int64_t{*passed})));
        else reply(answer(passed.error()));
    });
}

Message Supervisor::state_message() const
{
    Message message("state");
    message.add("state", describe_phase(state_)).add("leader", int64_t{state_.leader}).add("boots", int64_t{state_.boots});
    message.add("executed", int64_t{state_.executed})
        .add("ready", int64_t{state_.ready})
        .add("why", why(state_.outcome))
        .add("frozen", int64_t{state_.frozen});
    message.add("health", describe_health(state_)).add("held", state_.held).add("held_why", state_.held_why);
    message.add("restarting", int64_t{state_.retry || state_.phase == Phase::Resting});
    message.add("restarts", int64_t{state_.restart_count}).add("restarted_after", state_.restarted_after);
    message.add("next_boot_at", state_.next_boot.count());
    message.add("booting_at", moments_.booting.count()).add("leader_at", moments_.leader.count());
    message.add("started_at", moments_.started.count()).add("ready_at", moments_.ready.count());
    if (state_.phase == Phase::Ended)
        message.add("result", describe_kind(state_.outcome.kind))
            .add("status", int64_t{state_.outcome.status})
            .add("asked", int64_t{state_.outcome.asked});
    return message;
}

// What a session ends with.
Message Supervisor::last_word() const
{
    const Outcome& outcome = state_.outcome;
    Message exit("exit");
    switch (outcome.kind) {
    case OutcomeKind::Failed: return kernel::error_message(*outcome.error);
    case OutcomeKind::Signalled:
    case OutcomeKind::Killed: return std::move(exit.add("signal", int64_t{outcome.status}));
    case OutcomeKind::Exited:
    case OutcomeKind::Poweroff: return std::move(exit.add("code", int64_t{outcome.status}));
    }
    return exit;
}

}  // namespace holm::supervisor
