// diff: what a machine has changed, as holmd tells it line by line.
#include <string_view>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

constexpr size_t most_bytes = 65 << 20;  // a little over what holmd sends

using Line = Properties;

// "0644 → 0600".
std::string describe_step(const Line& line, const char* key)
{
    auto text = [&](const char* when) {
        const Line& value = line[when][key];
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    return fmt::format("{} {} → {}", key, text("before"), text("now"));
}

std::string describe_owner(const Line& line)
{
    auto owner = [&](const char* when) { return fmt::format("{}:{}", line[when]["user"].dump(), line[when]["group"].dump()); };
    return fmt::format("owner {} → {}", owner("before"), owner("now"));
}

std::string describe_parts(const Line& line)
{
    std::string text;
    for (const Line& part : line.value("parts", Line::array())) {
        const std::string name = part.get<std::string>();
        const std::string step = name == "mode" || name == "type" ? describe_step(line, name.c_str())
                                 : name == "owner"                ? describe_owner(line)
                                                                  : name;
        text += (text.empty() ? "" : ", ") + step;
    }
    return text.empty() ? "" : fmt::format(" ({})", text);
}

// As docker diff has it: A, C, D; and O for a folder that hides what its layers have in it.
std::string describe_line(const Line& line)
{
    const std::string change = line.value("change", "?");
    const bool folder = line.contains("now") && line["now"].value("type", "") == "folder";
    return fmt::format("{} {}{}{}\n", static_cast<char>(change.front() - 'a' + 'A'), printable(line.value("path", ""), SIZE_MAX),
                       folder ? "/" : "", describe_parts(line));
}

}  // namespace

Result<int> diff(const Invocation& call)
{
    Client client = TRY(connect(call));
    const std::string& name = call.operands[0];
    const std::string what = fmt::format("cannot compare machine '{}'", printable(name));
    const Fd file = TRY(client.ask<Fd>("DiffMachine", name, call.value("--since", "")), what);
    const std::string bytes = TRY(read_all(file.get(), most_bytes), what);
    std::string text;
    Line all = Line::array();
    for (std::string_view one : split(bytes, '\n')) {
        if (one.empty()) continue;
        Line line = Line::parse(one, nullptr, false);
        if (line.is_discarded()) return error(Errc::Failed, "{}: holmd sends '{}'", what, printable(one, 80));
        if (call.json == JsonStyle::Off) text += describe_line(line);
        else all.push_back(std::move(line));
    }
    if (call.json != JsonStyle::Off) TRY(print(describe_json(all, call.json)));
    else TRY(print_paged(text, call));
    return exit_done;
}

}  // namespace holm::cli::verbs
