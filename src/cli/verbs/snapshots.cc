// snapshot, snapshots, rollback: states of a machine's files.
#include <algorithm>
#include <ctime>
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/table.h"
#include "cli/verbs/snapshots.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

Result<std::vector<SnapshotRow>> read_snapshots(Client& client, const std::string& name)
{
    return client.ask<std::vector<SnapshotRow>>("ListSnapshots", name);
}

std::string describe_milliseconds(uint64_t microseconds)
{
    return microseconds == 0 ? "" : fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1000);
}

namespace {

std::string describe_time(uint64_t microseconds)
{
    const auto seconds = static_cast<time_t>(microseconds / 1000000);
    tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[64];
    ::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

// A job of one method that gives nothing but it.
Result<bool> wait_for_change(Client& client, const Invocation& call, const Job& job, const char* progress)
{
    Jobs jobs(client);
    TRY(jobs.listen());
    TRY(jobs.begin(job));
    return jobs.wait_for_all(progress, call);
}

// One after the other, as each rewrites what is known of all.
Result<int> remove_snapshots(Client& client, const Invocation& call, const std::string& name)
{
    Jobs jobs(client);
    TRY(jobs.listen());
    for (const std::string& tag : call.values("--remove")) {
        auto ask = [&client, name, tag]() -> Result<std::string> {
            return TRY(client.ask<systemd::ObjectPath>("RemoveSnapshot", name, tag)).text;
        };
        const std::string what = fmt::format("cannot remove snapshot '{}' of machine '{}'", printable(tag), printable(name));
        TRY(jobs.begin({.machine = name, .goal = JobGoal::Changed, .what = what, .ask = ask}));
        if (!TRY(jobs.wait_for_all("removing", call))) return exit_failed;
    }
    return exit_done;
}

}  // namespace

// The tag goes to standard output; for how long the machine stood still to standard error.
Result<int> snapshot(const Invocation& call)
{
    if (call.has("--group")) return snapshot_group(call);
    Client client = TRY(connect(call));
    const std::string name = call.operands[0], asked = call.operands.size() > 1 ? call.operands[1] : "";
    systemd::Options options;
    if (call.has("--at-next-start")) options["at-next-start"] = true;
    std::string tag;
    auto ask = [&]() -> Result<std::string> {
        const MessageHandle answer = TRY(client.call("SnapshotMachine", name, asked, options));
        systemd::ObjectPath job;
        TRY(systemd::read_all_of(answer.get(), tag, job));
        return job.text;
    };
    const Job job{.machine = name, .goal = JobGoal::Changed, .what = cannot("snapshot", name), .ask = ask};
    if (!TRY(wait_for_change(client, call, job, "copying"))) return exit_failed;
    const auto snapshots = TRY(read_snapshots(client, name), cannot("snapshot", name));
    auto made = std::ranges::find(snapshots, tag, [](const SnapshotRow& row) { return std::get<0>(row); });
    const uint64_t frozen = made == snapshots.end() ? 0 : std::get<2>(*made);
    if (call.json != JsonStyle::Off) {
        TRY(print(describe_json(Properties{{"machine", name}, {"tag", tag}, {"frozen", frozen}}, call.json)));
        return exit_done;
    }
    if (frozen != 0 && !call.has("--quiet"))
        complain(fmt::format("machine '{}' stood still for {}", printable(name), describe_milliseconds(frozen)));
    TRY(print(tag + "\n"));
    return exit_done;
}

Result<int> snapshots(const Invocation& call)
{
    Client client = TRY(connect(call));
    const std::string& name = call.operands[0];
    if (call.has("--remove")) return remove_snapshots(client, call, name);
    const auto rows = TRY(read_snapshots(client, name), fmt::format("cannot list the snapshots of machine '{}'", printable(name)));
    Table table{
        .columns = {{"TAG", "tag"}, {"CREATED", "created"}, {"STOOD STILL", "frozen"}, {"LAYERS", "layers"}, {"CURRENT", "current"}}};
    const bool json = call.json != JsonStyle::Off;
    for (auto& [tag, created, frozen, layers, current] : rows) {
        if (json) table.rows.push_back({tag, created, frozen, uint64_t{layers}, current});
        else table.rows.push_back({tag, describe_time(created), describe_milliseconds(frozen), uint64_t{layers}, current});
    }
    TRY(print_table(table, call, "snapshot"));
    return exit_done;
}

Result<int> rollback(const Invocation& call)
{
    if (call.has("--group")) return rollback_group(call);
    Client client = TRY(connect(call));
    const std::string &name = call.operands[0], &tag = call.operands[1];
    auto ask = [&]() -> Result<std::string> { return TRY(client.ask<systemd::ObjectPath>("RollbackMachine", name, tag)).text; };
    const Job job{.machine = name, .goal = JobGoal::Changed, .what = cannot("roll back", name), .ask = ask};
    return TRY(wait_for_change(client, call, job, "rolling back")) ? exit_done : exit_failed;
}

}  // namespace holm::cli::verbs
