#include "cli/jobs.h"

#include "cli/output.h"

namespace holm::cli {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Settled settle_state(JobGoal goal, std::string_view state)
{
    const bool ended = state == "stopped" || state == "failed";
    switch (goal) {
    case JobGoal::Running: return state == "running" ? Settled::Done : ended ? Settled::Failed : Settled::NotYet;
    case JobGoal::Stopped: return ended ? Settled::Done : Settled::NotYet;
    }
    return Settled::NotYet;
}

Result<Properties> observe_machine(Client& client, const std::string& name)
{
    const MessageHandle answer = TRY(client.machine_properties(name));
    return read_properties(answer.get());
}

Result<> Jobs::listen()
{
    return client_.hear([this](sd_bus_message* m) { take_signal(m); });
}

void Jobs::take_signal(sd_bus_message* m)
{
    if (sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
        std::string name, before, now;
        if (systemd::read_all_of(m, name, before, now) && !before.empty()) holmd_lost_ = true;
        return;
    }
    if (!sd_bus_message_is_signal(m, api::manager_interface, "JobRemoved")) return;
    uint32_t id = 0;
    systemd::ObjectPath path;
    std::string machine;
    End end;
    if (systemd::read_all_of(m, id, path, machine, end.result, end.text)) ended_[path.text] = std::move(end);
}

void Jobs::add(const std::string& path, Job job)
{
    if (path != "/") waiting_[path] = std::move(job);
}

// Takes what has ended out of what is waited for.
void Jobs::settle_ended()
{
    for (auto& [path, end] : ended_) {
        auto found = waiting_.find(path);
        if (found == waiting_.end()) continue;
        if (end.result != "done")
            failures_.push_back(fmt::format("{}: {}", found->second.what, end.text.empty() ? "the job was " + end.result : end.text));
        waiting_.erase(found);
    }
}

Result<> Jobs::settle_by_state()
{
    for (auto entry = waiting_.begin(); entry != waiting_.end();) {
        const Job& job = entry->second;
        auto properties = observe_machine(client_, job.machine);
        if (!properties && properties.error().code == Errc::Unavailable) return properties.error();
        const std::string state = properties ? text_of(*properties, "State") : "stopped";
        const Settled settled = settle_state(job.goal, state);
        if (settled == Settled::Failed) {
            const std::string why = properties ? text_of(*properties, "LastFailure") : properties.error().text;
            failures_.push_back(fmt::format("{}: {}", job.what, why.empty() ? "it is " + state : why));
        }
        entry = settled == Settled::NotYet ? std::next(entry) : waiting_.erase(entry);
    }
    return {};
}

Result<> Jobs::wait_with(const std::string& progress, const Invocation& call)
{
    Progress line(progress, call);
    auto begin = Clock::now();
    settle_ended();
    while (!waiting_.empty()) {
        TRY(client_.wait(holmd_lost_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(1000)));
        settle_ended();
        if (holmd_lost_) TRY(settle_by_state());
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count();
        if (seconds >= 1) line.show(static_cast<unsigned>(seconds));
    }
    return {};
}

Result<bool> Jobs::wait_for_all(const std::string& progress, const Invocation& call)
{
    auto waited = wait_with(progress, call);  // its line is gone from the terminal before anything is said
    for (const std::string& failure : failures_) complain(failure);
    if (!waited) return waited.error();
    return failures_.empty();
}

}  // namespace holm::cli
