#include "daemon/outcome.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace holm::daemon {

using machine::EndResult;

namespace {

constexpr size_t max_console = 20;

constexpr std::array<std::pair<EndResult, std::string_view>, 5> results = {{
    {EndResult::Exited, "exited"},
    {EndResult::Signalled, "signalled"},
    {EndResult::Failed, "failed"},
    {EndResult::Poweroff, "poweroff"},
    {EndResult::Killed, "killed"},
}};
}  // namespace

std::string_view describe_result(EndResult result)
{
    for (auto& [value, word] : results)
        if (value == result) return word;
    return "failed";
}

std::optional<EndResult> parse_result(std::string_view word)
{
    for (auto& [value, known] : results)
        if (known == word) return value;
    return {};
}

std::optional<Outcome> parse_outcome(std::string_view text)
{
    Outcome outcome;
    bool has_result = false;
    for (std::string_view line : split(text, '\n')) {
        size_t equals = line.find('=');
        if (equals == line.npos) continue;
        std::string_view key = line.substr(0, equals), value = line.substr(equals + 1);
        if (key == "result") {
            auto result = parse_result(value);
            if (!result) return {};
            outcome.result = *result;
            has_result = true;
        }
        if (key == "status") outcome.status = static_cast<int>(parse_number(value, 255).value_or(0));
        if (key == "boots") outcome.boots = static_cast<unsigned>(parse_number(value, UINT32_MAX).value_or(0));
        if (key == "why") outcome.why = value;
        if (key == "step") outcome.step = value;
        if (key == "errno") outcome.sys_errno = static_cast<int>(parse_number(value, 4095).value_or(0));
        if (key == "memory_kills") outcome.memory_kills = parse_number(value).value_or(0);
        if (key == "tasks_refused") outcome.tasks_refused = parse_number(value).value_or(0);
        if (key == "guest_unit") outcome.guest_unit = value;
        if (key == "console" && outcome.console.size() < max_console) outcome.console.emplace_back(value);
        if (key == "asked") outcome.asked = value == "1";
    }
    if (!has_result) return {};
    return outcome;
}

std::string describe_outcome(const Outcome& outcome)
{
    std::string text = fmt::format("result={}\nstatus={}\nwhy={}\nboots={}\n{}", describe_result(outcome.result), outcome.status,
                                   printable(outcome.why, 4096), outcome.boots, outcome.asked ? "asked=1\n" : "");
    if (!outcome.step.empty()) text += fmt::format("step={}\n", printable(outcome.step, 32));
    if (outcome.sys_errno) text += fmt::format("errno={}\n", outcome.sys_errno);
    if (outcome.memory_kills) text += fmt::format("memory_kills={}\n", outcome.memory_kills);
    if (outcome.tasks_refused) text += fmt::format("tasks_refused={}\n", outcome.tasks_refused);
    if (!outcome.guest_unit.empty()) text += fmt::format("guest_unit={}\n", printable(outcome.guest_unit, 256));
    for (const std::string& line : outcome.console) text += fmt::format("console={}\n", printable(line, 4096));
    return text;
}

machine::Failure failure_of(const Outcome& outcome)
{
    return {.step = outcome.step,
            .sys_errno = outcome.sys_errno,
            .signal = outcome.result == EndResult::Signalled ? outcome.status : 0,
            .why = outcome.why,
            .memory_kills = outcome.memory_kills,
            .tasks_refused = outcome.tasks_refused,
            .guest_unit = outcome.guest_unit};
}

}  // namespace holm::daemon
