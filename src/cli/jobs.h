// Jobs: starts and stops that holmd carries out while we wait for their results. Effects.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/client.h"
#include "cli/parse.h"
#include "cli/properties.h"

namespace holm::cli {

enum class JobGoal {
    Running,
    Stopped,
    Changed,  // what is done to it while it is stopped: its state tells nothing
};

struct Job {
    std::string machine;
    JobGoal goal = JobGoal::Running;
    std::string what;  // "cannot start machine 'web'": before the sentence of a failure
    // Asks for it, and gives its object path. Asked again of the next holmd when one dies before the end, so it must bear that;
    // none: the state of the machine tells.
    std::function<Result<std::string>()> ask;
    // How the next holmd refuses it where the one that died had done it: a clone is there already, a machine that was renamed is not.
    std::optional<Errc> done_before = {};
};

// What the state of a machine means for a job whose holmd has died: done, failed (the sentence), or wait on. Pure.
enum class Settled { NotYet, Done, Failed };
Settled settle_state(JobGoal goal, std::string_view state);

class Progress;

// Waits for several jobs at once. Made before the first is asked for: a job may end before its reply is read.
class Jobs {
public:
    explicit Jobs(Client& client) : client_(client) {}
    Jobs(const Jobs&) = delete;
    Jobs& operator=(const Jobs&) = delete;

    Result<> listen();
    // Asks for a job. Errors: those of the call.
    Result<> begin(Job job);
    // A job that has been asked for; "/" stands for none.
    void add(const std::string& path, Job job);
    // What is done once, so long after the wait has begun, with the machines of which a job is not done then.
    using Late = std::function<void(const std::vector<std::string>& machines)>;
    void later(std::chrono::microseconds after, Late act) { late_.emplace(after, std::move(act)); }
    // Waits for all, says every failure on standard error. Errors: what keeps us from waiting. False: one failed.
    Result<bool> wait_for_all(const std::string& progress, const Invocation& call);

private:
    struct End {
        std::string result;
        std::string text;
    };
    void take_signal(sd_bus_message* m);
    void settle_ended();
    void say_warnings();
    Result<Settled> settle_by_state(const Job& job, const Error* refusal);
    Result<> take_up_again();
    Result<> look_at_orphans();
    void act_late(std::chrono::microseconds passed, Progress& line);
    Result<> wait_with(const std::string& progress, const Invocation& call);

    Client& client_;
    std::map<std::string, Job> waiting_;  // by object path
    std::map<std::string, End> ended_;    // also of jobs that are not ours
    std::vector<Job> orphans_;            // their holmd has died, and they cannot be asked for again
    std::multimap<std::chrono::microseconds, Late> late_;
    std::vector<std::string> failures_, held_;
    std::vector<std::pair<std::string, std::string>> warnings_;  // by object path, also of jobs that are not ours
    bool holmd_lost_ = false;                                    // since the last look, and all of waiting_ with it
};

// The properties of one machine. Errors: NotFound, Unavailable.
Result<Properties> observe_machine(Client& client, const std::string& name);
// Of one that its policy starts again soon: "again in 15s: exit status 3"; "" of any other.
std::string rest_of(const Properties& machine);

}  // namespace holm::cli
