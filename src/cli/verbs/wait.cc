// wait: until a machine is started, ready or stopped, told by holmd's signals.
#include <chrono>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

using Clock = std::chrono::steady_clock;

enum class Wanted { Started, Ready, Stopped };

Result<Wanted> parse_wanted(const std::string& text)
{
    if (text == "started") return Wanted::Started;
    if (text == "ready") return Wanted::Ready;
    if (text == "stopped") return Wanted::Stopped;
    if (text.starts_with("unit:") || text.starts_with("port:"))
        return error(Errc::NotSupported, "'wait {}' is not supported yet", printable(text));
    constexpr std::string_view states[] = {"started", "ready", "stopped"};
    return error(Errc::Invalid, "'{}' is nothing to wait for{}: started, ready or stopped", printable(text), did_you_mean(text, states));
}

// Whether it is so; an error where it can no longer come of itself. A machine that was never started is waited for.
Result<bool> is_reached(const Properties& machine, Wanted wanted)
{
    const std::string state = text_of(machine, "State");
    const bool ended = state == "stopped" || state == "failed";
    bool reached = false;
    switch (wanted) {
    case Wanted::Started: reached = !ended && flag_of(machine, "Started"); break;
    case Wanted::Ready: reached = state == "running"; break;
    case Wanted::Stopped: reached = ended; break;
    }
    if (!reached && state == "failed") {
        std::string why = text_of(machine, "LastFailure");
        return error(Errc::Failed, "it failed{}{}", why.empty() ? "" : ": ", why);
    }
    return reached;
}

// One look. `seen`: it existed before, so that its absence is its end.
Result<bool> look(Client& client, const std::string& name, Wanted wanted, bool& seen)
{
    auto machine = observe_machine(client, name);
    if (machine) {
        seen = true;
        return is_reached(*machine, wanted);
    }
    if (machine.error().code != Errc::NotFound || !seen) return machine.error();
    if (wanted == Wanted::Stopped) return true;
    return error(Errc::NotFound, "it is gone");
}

Result<> wait_until(Client& client, const std::string& name, Wanted wanted, machine::Microseconds timeout, bool seen)
{
    constexpr std::chrono::seconds look_again{5};  // signals of a holmd that dies and comes back are lost
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
    return wait_until(client, name, Wanted::Stopped, machine::infinite, true);
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
