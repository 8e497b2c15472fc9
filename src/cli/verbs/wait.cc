// wait: until a machine is started, ready or stopped, told by holmd's signals.
#include <chrono>
#include <optional>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

using Clock = std::chrono::steady_clock;

enum class State { Started, Ready, Stopped };

// A state, or what is asked of the machine from inside once it has started: "unit:NAME", "port:NUMBER".
struct Wanted {
    State state = State::Started;
    std::string check;
    std::optional<uint64_t> boots;  // a later boot than this one, which an end does not lead to
};

Result<Wanted> parse_wanted(const std::string& text)
{
    if (text == "started") return Wanted{State::Started, "", {}};
    if (text == "ready") return Wanted{State::Ready, "", {}};
    if (text == "stopped") return Wanted{State::Stopped, "", {}};
    if (text.starts_with("unit:") || text.starts_with("port:")) {
        TRY(machine::parse_ready(text));
        return Wanted{State::Started, text, {}};
    }
    constexpr std::string_view states[] = {"started", "ready", "stopped"};
    return error(Errc::Invalid, "'{}' is nothing to wait for{}: started, ready, stopped, unit:NAME or port:NUMBER", printable(text),
                 did_you_mean(text, states));
}

// Whether it is so; an error where it can no longer come of itself. A machine that was never started is waited for.
Result<bool> is_reached(const Properties& machine, const Wanted& wanted)
{
    const std::string state = text_of(machine, "State");
    const bool ended = state == "stopped" || state == "failed";
    bool reached = false;
    switch (wanted.state) {
    case State::Started: reached = !ended && flag_of(machine, "Started"); break;
    case State::Ready: reached = state == "running"; break;
    case State::Stopped: reached = ended; break;
    }
    if (!reached && state == "failed") {
        std::string why = text_of(machine, "LastFailure");
        return error(Errc::Failed, "it failed{}{}", why.empty() ? "" : ": ", why);
    }
    if (!wanted.boots) return reached;
    if (ended) return error(Errc::Failed, "it has stopped instead");
    return reached && number_of(machine, "Boots") > *wanted.boots;
}

// One look. `seen`: it existed before, so that its absence is its end.
Result<bool> look(Client& client, const std::string& name, const Wanted& wanted, bool& seen)
{
    auto machine = observe_machine(client, name);
    if (machine) {
        seen = true;
        const bool reached = TRY(is_reached(*machine, wanted));
        if (!reached || wanted.check.empty()) return reached;
        auto passed = client.ask<bool>("CheckMachine", name, wanted.check);
        if (!passed && (passed.error().code == Errc::Denied || passed.error().code == Errc::NoCommand)) return passed.error();
        return passed.value_or(false);  // frozen, stopping, rebooting: not yet
    }
    if (machine.error().code != Errc::NotFound || !seen) return machine.error();
    if (wanted.state == State::Stopped) return true;
    return error(Errc::NotFound, "it is gone");
}

Result<> wait_until(Client& client, const std::string& name, const Wanted& wanted, machine::Microseconds timeout, bool seen)
{
    // Signals of a holmd that dies and comes back are lost; of what is asked from inside there are none.
    const machine::Microseconds look_again = wanted.check.empty() ? std::chrono::seconds(5) : std::chrono::milliseconds(200);
    bool changed = true;
    TRY(client.hear([&](sd_bus_message*) { changed = true; }));
    auto begin = Clock::now(), looked = begin;
    for (;;) {
        auto now = Clock::now();
        if (changed || now - looked >= look_again) {
            changed = false;
            looked = now;
            if (TRY(look(client, name, wanted, seen))) return {};
        }
        auto left = timeout - std::chrono::duration_cast<machine::Microseconds>(now - begin);
        if (left <= machine::Microseconds::zero())
            return error(Errc::Timeout, "it is not so after {}", machine::describe_duration(timeout));
        TRY(client.wait(std::min<machine::Microseconds>(left, look_again)));
    }
}

}  // namespace

Result<> wait_until_stopped(const Invocation& call, const std::string& name)
{
    Client client = TRY(connect(call));
    return wait_until(client, name, {State::Stopped, "", {}}, machine::infinite, true);
}

Result<> wait_until_rebooted(const Invocation& call, const std::string& name, uint64_t boots)
{
    Client client = TRY(connect(call));
    return wait_until(client, name, {State::Started, "", boots}, machine::infinite, true);
}

Result<int> wait(const Invocation& call)
{
    const std::string& name = call.operands[0];
    const auto wanted = parse_wanted(call.operands[1]);
    if (!wanted && wanted.error().code == Errc::Invalid) return usage_error(wanted.error());
    if (!wanted) return wanted.error();
    const auto timeout = machine::parse_duration(call.value("--timeout", "infinity"));
    if (!timeout) return usage_error(with_context(timeout.error(), "--timeout"));
    Client client = TRY(connect(call));
    TRY(wait_until(client, name, *wanted, *timeout, false),
        fmt::format("cannot wait until machine '{}' is {}", printable(name), call.operands[1]));
    return exit_done;
}

}  // namespace holm::cli::verbs
