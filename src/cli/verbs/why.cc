// why: how the last start or run of a machine went, step by step, and what may be done about it.
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/restarts.h"
#include "cli/verbs/bundle.h"
#include "cli/verbs/verbs.h"
#include "machine/failure.h"

#include <cstring>

namespace holm::cli::verbs {

namespace {

std::vector<std::string> list_of(const Properties& explained, std::string_view key)
{
    std::vector<std::string> list;
    auto found = explained.find(key);
    if (found == explained.end() || !found->is_array()) return list;
    for (const auto& item : *found)
        if (item.is_string()) list.push_back(item.get<std::string>());
    return list;
}

// "  3  lock        done", up to the step at which it ended.
std::string describe_steps(const Properties& explained)
{
    const std::string failed = text_of(explained, "Step");
    const int number = static_cast<int>(number_of(explained, "Errno"));
    std::string text;
    unsigned index = 0;
    for (const machine::RunStep& step : machine::run_steps()) {
        const bool is_last = step.name == failed;
        const std::string how =
            is_last ? number ? fmt::format("failed ({})", ::strerrorname_np(number) ? ::strerrorname_np(number) : "?") : "failed" : "done";
        text += fmt::format("{:>4}  {:<11} {:<16} {}\n", ++index, step.name, how, step.what);
        if (is_last) return text;
    }
    return "";
}

// A start that waits for somebody to look at it is no failure yet.
std::string describe_hold(const std::string& name, const Properties& explained)
{
    const std::string why = text_of(explained, "HeldWhy");
    return fmt::format(
        "{0}: its start is held at step '{1}'{2}{3}\n'holmctl debug {0}' looks at it, 'holmctl continue {0}' goes on, "
        "'holmctl abort {0}' takes it back.\n",
        name, printable(text_of(explained, "Held")), why.empty() ? "" : ": ", printable(why, 4096));
}

// "is starting again in 15s: exit status 3", "is running; restarts by its policy: 2, last after: exit status 3".
std::string describe_state(const Properties& explained)
{
    const std::string state = "is " + text_of(explained, "State"), rest = rest_of(explained),
                      restarts = describe_restarts(number_of(explained, "Restarts"), text_of(explained, "RestartedAfter"));
    if (!rest.empty()) return state + " " + rest;
    return restarts.empty() ? state : fmt::format("{}; restarts by its policy: {}", state, restarts);
}

std::string describe_why(const std::string& name, const Properties& explained)
{
    if (!text_of(explained, "Held").empty()) return describe_hold(name, explained);
    const std::string state = text_of(explained, "State"), why = text_of(explained, "Why");
    const bool failed = state == "failed";
    std::string text = fmt::format("{}: {}", name, failed && !why.empty() ? printable(why, 4096) : describe_state(explained)) + "\n";
    if (!failed && !why.empty()) text += fmt::format("Last failure: {}\n", printable(why, 4096));
    if (why.empty()) return text;
    const std::string unit_name = printable(text_of(explained, "Unit"));
    if (const std::string steps = describe_steps(explained); !steps.empty())
        text += fmt::format("\nSteps{}{}:\n{}", unit_name.empty() ? "" : " of ", unit_name, steps);
    for (const std::string& hint : list_of(explained, "Hints")) text += fmt::format("\nHint: {}", printable(hint, 1024));
    if (!list_of(explained, "Hints").empty()) text += "\n";
    if (const std::string unit = text_of(explained, "GuestUnit"); !unit.empty())
        text += fmt::format("\nFirst unit of the machine that failed: {}\n", printable(unit));
    const auto console = list_of(explained, "Console");
    if (!console.empty()) text += "\nLast lines of the console:\n";
    for (const std::string& line : console) text += fmt::format("  {}\n", printable(line, 4096));
    return text;
}

Result<Properties> explain(Client& client, const std::string& name)
{
    const MessageHandle answer = TRY(client.call("ExplainMachine", name));
    return read_properties(answer.get());
}

}  // namespace

Result<int> why(const Invocation& call)
{
    Client client = TRY(connect(call));
    Properties all = Properties::array();
    std::string text;
    auto add = [&](const std::string& name) -> Result<> {
        Properties explained = TRY(explain(client, name), cannot("explain", name));
        text += (text.empty() ? "" : "\n") + describe_why(name, explained);
        if (call.has("--bundle")) tell(fmt::format("written: {}", TRY(write_bundle(client, name, describe_why(name, explained)))), call);
        all.push_back(std::move(explained));
        return {};
    };
    const int status = TRY(for_each_machine(call, add));
    if (call.json == JsonStyle::Off) TRY(print_paged(text, call));
    else if (!all.empty()) TRY(print(describe_json(call.operands.size() > 1 ? all : all.front(), call.json)));
    return status;
}

}  // namespace holm::cli::verbs
