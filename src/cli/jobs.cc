#include "cli/jobs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "cli/output.h"
#include "cli/restarts.h"

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
    case JobGoal::Changed: return Settled::Failed;
    }
    return Settled::NotYet;
}

Result<Properties> observe_machine(Client& client, const std::string& name)
{
    const MessageHandle answer = TRY(client.machine_properties(name));
    return read_properties(answer.get());
}

std::string rest_of(const Properties& machine)
{
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
    return describe_rest(number_of(machine, "NextBootMonotonic"), static_cast<uint64_t>(now.count()), text_of(machine, "RestartedAfter"));
}

Result<> Jobs::listen()
{
    return client_.hear([this](sd_bus_message* m) { take_signal(m); });
}

void Jobs::take_signal(sd_bus_message* m)
{
    if (sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
        std::string name, before, now;
        if (!systemd::read_all_of(m, name, before, now) || before.empty()) return;
        settle_ended();
        ended_.clear();  // the next holmd begins its numbers anew
        holmd_lost_ = true;
        return;
    }
    uint32_t id = 0;
    systemd::ObjectPath path;
    std::string machine;
    if (sd_bus_message_is_signal(m, api::manager_interface, "JobWarning")) {
        std::string text;
        if (systemd::read_all_of(m, id, path, machine, text)) warnings_.emplace_back(path.text, std::move(text));
        return;
    }
    if (!sd_bus_message_is_signal(m, api::manager_interface, "JobRemoved")) return;
    End end;
    if (systemd::read_all_of(m, id, path, machine, end.result, end.text)) ended_[path.text] = std::move(end);
}

Result<> Jobs::begin(Job job)
{
    const std::string path = TRY(job.ask(), job.what);
    add(path, std::move(job));
    return {};
}

void Jobs::add(const std::string& path, Job job)
{
    if (path != "/") waiting_[path] = std::move(job);
}

// Of our own jobs; one may have come before the reply that names its job.
void Jobs::say_warnings()
{
    for (const auto& [path, text] : warnings_)
        if (auto job = waiting_.find(path); job != waiting_.end())
            complain(fmt::format("machine '{}': {}", printable(job->second.machine), printable(text, 4096)));
    std::erase_if(warnings_, [&](const auto& warning) { return waiting_.contains(warning.first); });
}

// Takes what has ended out of what is waited for.
void Jobs::settle_ended()
{
    say_warnings();
    for (auto& [path, end] : ended_) {
        auto found = waiting_.find(path);
        if (found == waiting_.end()) continue;
        if (end.result == "held")
            held_.push_back(
                fmt::format("the start of machine '{0}' is held at step {1}; 'holmctl debug {0}' looks at it, "
                            "'holmctl continue {0}' goes on, 'holmctl abort {0}' takes it back",
                            printable(found->second.machine), printable(end.text, 4096)));
        else if (end.result != "done")
            failures_.push_back(fmt::format("{}: {}", found->second.what, end.text.empty() ? "the job was " + end.result : end.text));
        waiting_.erase(found);
    }
}

// By the state of the machine alone, where holmd does not tell. `refusal`: of a holmd that was asked for the job again.
Result<Settled> Jobs::settle_by_state(const Job& job, const Error* refusal)
{
    auto properties = observe_machine(client_, job.machine);
    if (!properties && properties.error().code == Errc::Unavailable) return properties.error();
    const std::string state = properties ? text_of(*properties, "State") : "stopped";
    const Settled settled = settle_state(job.goal, state);
    if (settled == Settled::Done || (settled == Settled::NotYet && !refusal)) return settled;
    std::string why = refusal ? refusal->text : properties ? text_of(*properties, "LastFailure") : properties.error().text;
    if (why.empty()) why = "it is " + state;
    failures_.push_back(fmt::format("{}: {}", job.what, why));
    return Settled::Failed;
}

// holmd has died with its jobs: the next one, which the call brings up, is asked for them. It may die as well.
Result<> Jobs::take_up_again()
{
    constexpr unsigned attempts = 10;
    holmd_lost_ = false;
    for (auto& [path, job] : std::exchange(waiting_, {})) {
        if (!job.ask) {
            orphans_.push_back(job);
            continue;
        }
        auto again = job.ask();
        for (unsigned i = 1; i < attempts && !again && again.error().code == Errc::Unavailable; ++i) {
            TRY(client_.wait(std::chrono::milliseconds(200)));
            again = job.ask();
        }
        if (again) add(*again, job);
        else if (job.done_before != again.error().code) TRY(settle_by_state(job, &again.error()));
    }
    return {};
}

Result<> Jobs::look_at_orphans()
{
    for (const Job& job : std::exchange(orphans_, {}))
        if (TRY(settle_by_state(job, nullptr)) == Settled::NotYet) orphans_.push_back(job);
    return {};
}

void Jobs::act_late(std::chrono::microseconds passed, Progress& line)
{
    while (!late_.empty() && late_.begin()->first <= passed) {
        const Late act = late_.extract(late_.begin()).mapped();
        std::vector<std::string> machines;
        for (const auto& [path, job] : waiting_) machines.push_back(job.machine);
        for (const Job& job : orphans_) machines.push_back(job.machine);
        line.clear();
        act(machines);
    }
}

Result<> Jobs::wait_with(const std::string& progress, const Invocation& call)
{
    using std::chrono::microseconds;
    Progress line(progress, call);
    auto begin = Clock::now();
    settle_ended();
    while (!waiting_.empty() || !orphans_.empty()) {
        const auto passed = std::chrono::duration_cast<microseconds>(Clock::now() - begin);
        act_late(passed, line);
        microseconds pause = orphans_.empty() ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(200);
        if (!late_.empty()) pause = std::min(pause, late_.begin()->first - passed);
        TRY(client_.wait(pause));
        settle_ended();
        if (holmd_lost_) TRY(take_up_again());
        TRY(look_at_orphans());
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count();
        if (seconds >= 1) line.show(static_cast<unsigned>(seconds));
    }
    return {};
}

Result<bool> Jobs::wait_for_all(const std::string& progress, const Invocation& call)
{
    auto waited = wait_with(progress, call);  // its line is gone from the terminal before anything is said
    for (const std::string& held : held_)
        if (!call.has("--quiet")) complain(held);
    std::set<std::string> said;  // of a group all jobs have one reason
    for (const std::string& failure : failures_)
        if (said.insert(failure).second) complain(failure);
    if (!waited) return waited.error();
    return failures_.empty();
}

}  // namespace holm::cli
