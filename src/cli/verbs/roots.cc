// commit, rebase: a machine's files and images.
#include <map>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

using Line = Properties;

constexpr size_t most_bytes = 65 << 20;  // a little over what holmd sends

Result<bool> wait_for_change(Client& client, const Invocation& call, const Job& job, const char* progress)
{
    Jobs jobs(client);
    TRY(jobs.listen());
    TRY(jobs.begin(job));
    return jobs.wait_for_all(progress, call);
}

Result<std::vector<Line>> read_report(Client& client, const std::string& name, const std::string& image)
{
    const Fd file = TRY(client.ask<Fd>("CompareRebase", name, image));
    const std::string bytes = TRY(read_all(file.get(), most_bytes));
    std::vector<Line> lines;
    for (std::string_view one : split(bytes, '\n')) {
        if (one.empty()) continue;
        lines.push_back(Line::parse(one, nullptr, false));
        if (lines.back().is_discarded()) return error(Errc::Failed, "holmd sends '{}'", printable(one, 80));
    }
    return lines;
}

std::string version_of(const Line& line, const char* side)
{
    const std::string version = line.value(side, "");
    return version.empty() ? "none" : version;
}

// What is clean is only counted.
std::string describe_report(const std::vector<Line>& lines)
{
    std::string text;
    std::map<std::string, unsigned> counts;
    for (const Line& line : lines) {
        if (line.contains("package")) {
            text += fmt::format("package {} {} → {} (here {})\n", printable(line.value("package", "")), version_of(line, "before"),
                                version_of(line, "there"), version_of(line, "here"));
            continue;
        }
        const std::string verdict = line.value("verdict", "?");
        ++counts[verdict];
        if (verdict != "clean")
            text += fmt::format("{} {} ({})\n", verdict, printable(line.value("path", ""), SIZE_MAX),
                                printable(line.value("why", ""), SIZE_MAX));
    }
    std::string sum;
    for (auto& [verdict, count] : counts) sum += fmt::format("{}{} {}", sum.empty() ? "" : ", ", count, verdict);
    return text + (sum.empty() ? "the machine has changed nothing" : sum) + "\n";
}

Result<> print_report(const Invocation& call, const std::vector<Line>& lines)
{
    if (call.json == JsonStyle::Off) return call.has("--quiet") ? Result<>() : print(describe_report(lines));
    Line all = Line::array();
    for (const Line& line : lines) all.push_back(line);
    return print(describe_json(all, call.json));
}

Result<int> undo_rebase(Client& client, const Invocation& call, const std::string& name)
{
    auto ask = [&]() -> Result<std::string> { return TRY(client.ask<systemd::ObjectPath>("UndoRebase", name)).text; };
    const Job job{.machine = name, .goal = JobGoal::Changed, .what = cannot("undo the last rebase of", name), .ask = ask};
    return TRY(wait_for_change(client, call, job, "rolling back")) ? exit_done : exit_failed;
}

}  // namespace

// The image's digest goes to standard output, as it is to be named for ever.
Result<int> commit(const Invocation& call)
{
    Client client = TRY(connect(call));
    const std::string &name = call.operands[0], &image = call.operands[1];
    systemd::Options options;
    for (const char* option : {"force", "at-next-start"})
        if (call.has(fmt::format("--{}", option))) options[option] = true;
    auto ask = [&]() -> Result<std::string> { return TRY(client.ask<systemd::ObjectPath>("CommitMachine", name, image, options)).text; };
    const Job job{.machine = name, .goal = JobGoal::Changed, .what = cannot("commit", name), .ask = ask};
    if (!TRY(wait_for_change(client, call, job, "committing"))) return exit_failed;
    if (call.has("--at-next-start")) return exit_done;
    const MessageHandle answer = TRY(client.call("DescribeImage", image));
    const Properties made = TRY(read_properties(answer.get()));
    const std::string digest = text_of(made, "Digest");
    if (call.json != JsonStyle::Off) TRY(print(describe_json(Properties{{"image", image}, {"digest", digest}}, call.json)));
    else TRY(print(digest + "\n"));
    return exit_done;
}

// The report goes to standard output, how to undo it to standard error.
Result<int> rebase(const Invocation& call)
{
    const std::string& name = call.operands[0];
    if (call.has("--undo") ? call.operands.size() != 1 || call.has("--dry-run") || call.has("--take") : call.operands.size() != 2)
        return usage_error(error(Errc::Invalid, "rebase takes NAME and IMAGE, or --undo and NAME"));
    Client client = TRY(connect(call));
    if (call.has("--undo")) return undo_rebase(client, call, name);
    const std::string& image = call.operands[1];
    const auto report = TRY(read_report(client, name, image), cannot("rebase", name));
    TRY(print_report(call, report));
    if (call.has("--dry-run")) return exit_done;
    systemd::Options options;
    if (call.has("--take")) options["take"] = call.values("--take");
    std::string tag;
    auto ask = [&]() -> Result<std::string> {
        const MessageHandle answer = TRY(client.call("RebaseMachine", name, image, options));
        systemd::ObjectPath job;
        TRY(systemd::read_all_of(answer.get(), tag, job));
        return job.text;
    };
    const Job job{.machine = name, .goal = JobGoal::Changed, .what = cannot("rebase", name), .ask = ask};
    if (!TRY(wait_for_change(client, call, job, "rebasing"))) return exit_failed;
    if (!call.has("--quiet")) complain(fmt::format("'holmctl rebase --undo {}' gives it back as it was", printable(name)));
    return exit_done;
}

}  // namespace holm::cli::verbs
