#include "daemon/outcome.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace holm::daemon {

using machine::EndResult;

namespace {
constexpr std::array<std::pair<EndResult, std::string_view>, 5> results = {{
    {EndResult::Exited, "exited"},
    {EndResult::Signalled, "signalled"},
    {EndResult::Failed, "failed"},
    {EndResult::Poweroff, "poweroff"},
    {EndResult::Killed, "killed"},
}};
}

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
        if (key == "asked") outcome.asked = value == "1";
    }
    if (!has_result) return {};
    return outcome;
}

std::string describe_outcome(const Outcome& outcome)
{
    return fmt::format("result={}\nstatus={}\nwhy={}\nboots={}\n{}", describe_result(outcome.result), outcome.status,
                       printable(outcome.why, 4096), outcome.boots, outcome.asked ? "asked=1\n" : "");
}

}  // namespace holm::daemon
