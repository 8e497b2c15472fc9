// snapshot and rollback of all machines of a slice.
#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/verbs/snapshots.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

// Asks for the jobs of all members at once, and gives them out one by one: to a first asking, and to that of a holmd that comes after
// one that has died.
class GroupJobs {
public:
    using Paths = std::map<std::string, std::string>;  // machine -> job
    explicit GroupJobs(std::function<Result<Paths>()> ask) : ask_(std::move(ask)) {}

    Result<> begin() { return fill(); }
    std::vector<std::string> machines() const
    {
        std::vector<std::string> names;
        for (auto& [name, path] : paths_) names.push_back(name);
        return names;
    }
    Result<std::string> take(const std::string& machine)
    {
        if (!paths_.contains(machine)) TRY(fill());
        auto node = paths_.extract(machine);
        if (node.empty()) return error(Errc::NotFound, "machine '{}' is not in the slice any more", printable(machine));
        return std::move(node.mapped());
    }

private:
    Result<> fill()
    {
        paths_ = TRY(ask_());
        return {};
    }
    std::function<Result<Paths>()> ask_;
    Paths paths_;
};

Result<GroupJobs::Paths> pair_up(const std::vector<std::string>& machines, const std::vector<systemd::ObjectPath>& jobs)
{
    GroupJobs::Paths paths;
    if (machines.size() != jobs.size()) return error(Errc::Failed, "holmd tells {} machines and {} jobs", machines.size(), jobs.size());
    for (size_t i = 0; i < jobs.size(); ++i) paths[machines[i]] = jobs[i].text;
    return paths;
}

// The machines, all of which have it then; none where it has failed.
Result<std::vector<std::string>> change_all(Client& client, const Invocation& call, const std::string& what, const char* progress,
                                            GroupJobs& group)
{
    Jobs jobs(client);
    TRY(jobs.listen());
    TRY(group.begin(), what);
    auto machines = group.machines();
    for (const std::string& machine : machines)
        TRY(jobs.begin(
            {.machine = machine, .goal = JobGoal::Changed, .what = what, .ask = [&group, machine] { return group.take(machine); }}));
    if (!TRY(jobs.wait_for_all(progress, call))) machines.clear();
    return machines;
}

std::string cannot_group(const char* verb, const std::string& slice)
{
    return fmt::format("cannot {} the machines of '{}'", verb, printable(slice));
}

}  // namespace

Result<int> snapshot_group(const Invocation& call)
{
    if (call.has("--at-next-start")) return usage_error(error(Errc::Invalid, "--at-next-start is of one machine, and not of a group"));
    Client client = TRY(connect(call));
    const std::string slice = call.value("--group");
    std::string tag = call.operands.empty() ? "" : call.operands[0];
    // Asked again, the tag is the one of the first time.
    GroupJobs group([&]() -> Result<GroupJobs::Paths> {
        const MessageHandle answer = TRY(client.call("SnapshotGroup", slice, tag, systemd::Options()));
        std::vector<std::string> machines;
        std::vector<systemd::ObjectPath> jobs;
        TRY(systemd::read_all_of(answer.get(), tag, machines, jobs));
        return pair_up(machines, jobs);
    });
    const std::string what = cannot_group("snapshot", slice);
    const auto machines = TRY(change_all(client, call, what, "copying", group));
    if (machines.empty()) return exit_failed;
    uint64_t frozen = 0;
    for (const std::string& machine : machines)
        for (const SnapshotRow& row : TRY(read_snapshots(client, machine), what))
            if (std::get<0>(row) == tag) frozen = std::max(frozen, std::get<2>(row));
    if (call.json != JsonStyle::Off) {
        TRY(print(describe_json(Properties{{"group", slice}, {"tag", tag}, {"frozen", frozen}, {"machines", machines}}, call.json)));
        return exit_done;
    }
    if (frozen != 0 && !call.has("--quiet"))
        complain(fmt::format("{} machines, of which those that run stood still for {}", machines.size(), describe_milliseconds(frozen)));
    TRY(print(tag + "\n"));
    return exit_done;
}

Result<int> rollback_group(const Invocation& call)
{
    Client client = TRY(connect(call));
    const std::string slice = call.value("--group"), &tag = call.operands[0];
    GroupJobs group([&]() -> Result<GroupJobs::Paths> {
        const MessageHandle answer = TRY(client.call("RollbackGroup", slice, tag));
        std::vector<std::string> machines;
        std::vector<systemd::ObjectPath> jobs;
        TRY(systemd::read_all_of(answer.get(), machines, jobs));
        return pair_up(machines, jobs);
    });
    return TRY(change_all(client, call, cannot_group("roll back", slice), "rolling back", group)).empty() ? exit_failed : exit_done;
}

}  // namespace holm::cli::verbs
