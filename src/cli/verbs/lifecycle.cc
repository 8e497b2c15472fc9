// start, stop, restart, enable, disable: jobs. kill, freeze, thaw, set: one call each; terminate sees the end,
// reboot the next boot. reload.
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/output.h"
#include "cli/stopping.h"
#include "cli/verbs/verbs.h"
#include "launch/hold.h"
#include "machine/grammar.h"
#include "machine/resources.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <span>

namespace holm::cli::verbs {

namespace {

struct JobCall {
    const char* method;
    const char* word;      // "start"
    const char* progress;  // "starting"
    JobGoal goal;
    machine::Microseconds kill_after = machine::infinite;  // of a stop: what is left of the machine then is killed
};

constexpr JobCall starting{.method = "StartMachine", .word = "start", .progress = "starting", .goal = JobGoal::Running};

constexpr machine::Microseconds told_after = std::chrono::seconds(2);
constexpr size_t most_told = 5;

// Of machines whose stop takes its time: until when, and what ends it.
void tell_stopping(Client& client, const std::vector<std::string>& machines, machine::Microseconds kill_after)
{
    size_t told = 0;
    for (const std::string& name : machines) {
        if (told == most_told) return complain("waiting for other machines, too");
        const auto machine = observe_machine(client, name);
        if (!machine || text_of(*machine, "State") != "stopping") continue;
        ++told;
        const uint64_t timeout = number_of(*machine, "StopTimeoutUSec");
        const auto stop_timeout = timeout == UINT64_MAX ? machine::infinite : machine::Microseconds(timeout);
        const bool own_limit = kill_after < stop_timeout;
        const machine::Microseconds limit = own_limit ? kill_after : stop_timeout;
        const machine::Microseconds left = limit == machine::infinite ? limit : limit - told_after;
        if (limit > told_after) complain(describe_stopping(name, left, own_limit ? "--timeout" : "stop_timeout"));
    }
}

// Their jobs end with that. One that has ended just now has got there itself.
void kill_late(Client& client, const std::vector<std::string>& machines)
{
    for (const std::string& name : machines) {
        auto killed = client.call("TerminateMachine", name);
        if (killed || killed.error().code == Errc::Busy || killed.error().code == Errc::NotFound) continue;
        complain(with_context(killed.error(), cannot("terminate", name)).text);
    }
}

// Asks for all jobs first, so that they run side by side, then waits for all.
template <typename... T>
Result<int> run_jobs(const Invocation& call, const JobCall& job, const T&... more)
{
    Client client = TRY(connect(call));
    Jobs jobs(client);
    TRY(jobs.listen());
    auto begin = [&](const std::string& name) {
        auto ask = [&, name]() -> Result<std::string> { return TRY(client.ask<systemd::ObjectPath>(job.method, name, more...)).text; };
        return jobs.begin({.machine = name, .goal = job.goal, .what = cannot(job.word, name), .ask = ask});
    };
    const int status = TRY(for_each_machine(call, begin));
    using Names = std::vector<std::string>;
    if (is_terminal(STDERR_FILENO) && !call.has("--quiet"))
        jobs.later(told_after, [&](const Names& machines) { tell_stopping(client, machines, job.kill_after); });
    if (job.kill_after != machine::infinite) jobs.later(job.kill_after, [&](const Names& machines) { kill_late(client, machines); });
    std::string names = call.operands.size() == 1 ? fmt::format("machine '{}'", printable(call.operands[0]))
                                                  : fmt::format("{} machines", call.operands.size());
    const bool good = TRY(jobs.wait_for_all(fmt::format("{} {}", job.progress, names), call));
    return good ? status : exit_failed;
}

// The same method for each machine, with nothing to wait for.
template <typename... T>
Result<int> call_each(const Invocation& call, const char* method, const char* word, const T&... more)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        TRY(client.call(method, name, more...), cannot(word, name));
        return {};
    });
}

// The same, and the end of each is seen.
Result<int> end_each(const Invocation& call, const char* method, const char* word)
{
    std::vector<std::string> ended;
    Client client = TRY(connect(call));
    auto end_one = [&](const std::string& name) -> Result<> {
        TRY(client.call(method, name), cannot(word, name));
        ended.push_back(name);
        return {};
    };
    const int status = TRY(for_each_machine(call, end_one));
    for (const std::string& name : ended) TRY(wait_until_stopped(call, name), cannot("see the end of", name));
    return status;
}

}  // namespace

int usage_error(const Error& failure)
{
    complain(failure.text);
    return exit_usage;
}

Result<Client> connect(const Invocation& call)
{
    Client client = TRY(Client::connect(call.has("--no-ask-password") ? AskPassword::No : AskPassword::Yes));
    if (is_terminal(STDERR_FILENO) && !call.has("--quiet") && !client.answers_within(std::chrono::seconds(2)))
        complain("holmd has not answered for 2 s and is waited for: see 'systemctl status holmd'");
    return client;
}

Result<int> for_each_machine(const Invocation& call, const std::function<Result<>(const std::string& name)>& act)
{
    int status = exit_done;
    for (const std::string& name : call.operands) {
        auto done = act(name);
        if (done) continue;
        complain(done.error().text);
        status = exit_failed;
    }
    return status;
}

std::string cannot(std::string_view what, std::string_view machine)
{
    return fmt::format("cannot {} machine '{}'", what, printable(machine));
}

Result<std::string> working_folder()
{
    std::error_code failure;
    const std::filesystem::path folder = std::filesystem::current_path(failure);
    if (failure) return errno_error(failure.value(), "cannot find the working directory");
    return folder.string();
}

Result<int> start(const Invocation& call)
{
    const std::string hold = call.value("--hold");
    if (hold.empty()) return run_jobs(call, starting);
    if (auto checked = launch::check_hold(hold); !checked) return usage_error(with_context(checked.error(), "--hold"));
    JobCall held = starting;
    held.method = "StartMachineHeld";
    return run_jobs(call, held, hold);
}

Result<int> go_on(const Invocation& call)
{
    return run_jobs(call, {.method = "ContinueMachine", .word = "continue the start of", .progress = "starting", .goal = JobGoal::Running});
}

Result<int> abort(const Invocation& call)
{
    return end_each(call, "AbortMachine", "abort the start of");
}

Result<int> stop(const Invocation& call)
{
    const auto timeout = machine::parse_duration(call.value("--timeout", "infinity"));
    if (!timeout) return usage_error(with_context(timeout.error(), "--timeout"));
    return run_jobs(call,
                    {.method = "StopMachine", .word = "stop", .progress = "stopping", .goal = JobGoal::Stopped, .kill_after = *timeout});
}

Result<int> restart(const Invocation& call)
{
    return run_jobs(call, {.method = "RestartMachine", .word = "restart", .progress = "restarting", .goal = JobGoal::Running});
}

Result<int> enable(const Invocation& call)
{
    return run_jobs(call, {.method = "EnableMachine", .word = "enable", .progress = "starting", .goal = JobGoal::Running},
                    call.has("--now"));
}

Result<int> disable(const Invocation& call)
{
    return run_jobs(call, {.method = "DisableMachine", .word = "disable", .progress = "stopping", .goal = JobGoal::Stopped},
                    call.has("--now"));
}

// The next boot of each is seen: what is asked of a machine then meets no process of the one before.
Result<int> reboot(const Invocation& call)
{
    std::vector<std::pair<std::string, uint64_t>> rebooting;
    Client client = TRY(connect(call));
    auto begin = [&](const std::string& name) -> Result<> {
        const Properties before = TRY(observe_machine(client, name), cannot("reboot", name));
        TRY(client.call("RebootMachine", name), cannot("reboot", name));
        rebooting.emplace_back(name, number_of(before, "Boots"));
        return {};
    };
    int status = TRY(for_each_machine(call, begin));
    for (const auto& [name, boots] : rebooting) {
        auto again = wait_until_rebooted(call, name, boots);
        if (again) continue;
        complain(with_context(again.error(), cannot("reboot", name)).text);
        status = exit_failed;
    }
    return status;
}
Result<int> terminate(const Invocation& call)
{
    return end_each(call, "TerminateMachine", "terminate");
}
Result<int> freeze(const Invocation& call)
{
    return call_each(call, "FreezeMachine", "freeze");
}
Result<int> thaw(const Invocation& call)
{
    return call_each(call, "ThawMachine", "thaw");
}

Result<int> kill(const Invocation& call)
{
    const auto signal = machine::parse_signal(call.value("--signal", "SIGTERM"));
    if (!signal) return usage_error(with_context(signal.error(), "--signal"));
    const std::string whom = call.value("--kill-whom", call.value("--kill-who", "all"));
    if (whom != "leader" && whom != "all")
        return usage_error(error(Errc::Invalid, "--kill-whom= is leader or all, not '{}'", printable(whom)));
    return call_each(call, "KillMachine", "kill", whom, int32_t{*signal});
}

Result<int> set(const Invocation& call)
{
    const std::string& name = call.operands[0];
    std::vector<std::pair<std::string, std::string>> assignments;
    for (const std::string& word : std::span(call.operands).subspan(1)) {
        const size_t equals = word.find('=');
        if (equals == word.npos || equals == 0)
            return usage_error(error(Errc::Invalid, "'{}' is not of the form PROPERTY=VALUE", printable(word)));
        assignments.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    Client client = TRY(connect(call));
    TRY(client.call("SetProperties", name, assignments, call.has("--runtime")), cannot("set properties of", name));
    std::vector<std::string_view> later;
    for (const auto& [property, value] : assignments)
        if (machine::is_read_at_load(property) && std::ranges::find(later, property) == later.end()) later.push_back(property);
    if (!later.empty() && !call.has("--quiet"))
        complain(fmt::format("{} of machine '{}' is kept and holds from its next start on: systemd reads it only then",
                             fmt::join(later, ", "), printable(name)));
    return exit_done;
}

Result<int> reload(const Invocation& call)
{
    Client client = TRY(connect(call));
    TRY(client.call("Reload"), "cannot reload");
    return exit_done;
}

}  // namespace holm::cli::verbs
