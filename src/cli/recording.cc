#include "cli/recording.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/text.h"

namespace holm::cli {

namespace {

Error malformed(std::string_view line)
{
    return error(Errc::Invalid, "the recording has a line that is none: '{}'", printable(line, 80));
}

Result<> read_call(std::string_view line, const std::vector<std::string_view>& words, const SyscallName& name, Recording& recording)
{
    auto number = words.size() > 1 ? parse_number(words[1], INT32_MAX) : std::nullopt;
    if (!number) return malformed(line);
    if (words[0] == "refused") {
        recording.refused.insert(name(static_cast<int>(*number)));
        return {};
    }
    auto count = words.size() == 3 ? parse_number(words[2]) : std::nullopt;
    if (!count) return malformed(line);
    recording.calls[name(static_cast<int>(*number))] += *count;
    return {};
}

std::string quoted(const std::vector<std::string>& names)
{
    std::string text;
    std::string line = "   ";
    for (const std::string& name : names) {
        if (line.size() + name.size() + 4 > 120) text += line + "\n", line = "   ";
        line += fmt::format(" \"{}\",", name);
    }
    return text + line + "\n";
}

}  // namespace

uint64_t Recording::total() const
{
    uint64_t sum = 0;
    for (const auto& [name, count] : calls) sum += count;
    return sum;
}

Result<Recording> parse_recording(const std::string& report, const SyscallName& name)
{
    Recording recording;
    bool whole = false;
    for (std::string_view line : split(report, '\n')) {
        if (line.empty()) continue;
        const std::vector<std::string_view> words = split(line, ' ');
        if (words[0] == "error") return error(Errc::Failed, "{}", printable(line.substr(std::min<size_t>(6, line.size())), 1024));
        if (words[0] == "capability" && words.size() == 2) recording.capabilities.emplace_back(words[1]);
        else if ((words[0] == "processes" || words[0] == "foreign") && words.size() == 2) {
            auto count = parse_number(words[1]);
            if (!count) return malformed(line);
            (words[0] == "processes" ? recording.processes : recording.foreign) = *count, whole = true;
        } else if (words[0] == "call" || words[0] == "refused") TRY(read_call(line, words, name, recording));
        else return malformed(line);
    }
    if (!whole) return error(Errc::Failed, "what was recorded did not arrive");
    return recording;
}

std::string describe_profile(const Recording& recording, const std::string& title, const std::optional<std::vector<std::string>>& needed)
{
    std::string text =
        fmt::format("# {}: {} system call{}, made {} times by {} process{}\n", title, recording.calls.size(),
                    recording.calls.size() == 1 ? "" : "s", recording.total(), recording.processes, recording.processes == 1 ? "" : "es");
    if (!recording.refused.empty()) text += fmt::format("# answered EPERM: {}\n", fmt::join(recording.refused, ", "));
    if (recording.foreign) text += fmt::format("# {} calls of another architecture are not listed: add \"@32-bit\"\n", recording.foreign);
    std::vector<std::string> names;
    for (const auto& [name, count] : recording.calls) names.push_back(name);
    if (needed) {
        std::vector<std::string> dropped;
        for (const std::string& name : recording.capabilities)
            if (std::ranges::find(*needed, name) == needed->end()) dropped.push_back(name);
        text += needed->empty() ? "# needs no capability\n" : fmt::format("# needs {}\n", fmt::join(*needed, ", "));
        if (!dropped.empty()) text += fmt::format("[security.capabilities]\ndrop = [\n{}]\n", quoted(dropped));
    } else text += "# which capabilities it needs was not tried: --capabilities\n";
    return text + fmt::format("[security.syscalls]\ndeny = [\"@all\"]\nallow = [\n{}]\n", quoted(names));
}

}  // namespace holm::cli
