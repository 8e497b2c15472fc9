// Jobs: starts and stops that holmd carries out while we wait for their results. Effects.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/client.h"
#include "cli/parse.h"
#include "cli/properties.h"

namespace holm::cli {

enum class JobGoal { Running, Stopped };

struct Job {
    std::string machine;
    JobGoal goal = JobGoal::Running;
    std::string what;  // "cannot start machine 'web'": before the sentence of a failure
};

// Waits for several jobs at once. Made before the first is asked for: a job may end before its reply is read.
class Jobs {
public:
    explicit Jobs(Client& client) : client_(client) {}
    Jobs(const Jobs&) = delete;
    Jobs& operator=(const Jobs&) = delete;

    Result<> listen();
    // A job that has been asked for; "/" stands for none.
    void add(const std::string& path, Job job);
    // Waits for all, says every failure on standard error. Errors: what keeps us from waiting. False: one failed.
    Result<bool> wait_for_all(const std::string& progress, const Invocation& call);

private:
    struct End {
        std::string result;
        std::string text;
    };
    void take_signal(sd_bus_message* m);
    void settle_ended();
    Result<> settle_by_state();
    Result<> wait_with(const std::string& progress, const Invocation& call);

    Client& client_;
    std::map<std::string, Job> waiting_;  // by object path
    std::map<std::string, End> ended_;    // also of jobs that are not ours
    std::vector<std::string> failures_;
    bool holmd_lost_ = false;  // its jobs are gone with it: the states of the machines tell
};

// What the state of a machine means for a job whose holmd has died: done, failed (the sentence), or wait on. Pure.
enum class Settled { NotYet, Done, Failed };
Settled settle_state(JobGoal goal, std::string_view state);

// The properties of one machine. Errors: NotFound, Unavailable.
Result<Properties> observe_machine(Client& client, const std::string& name);

}  // namespace holm::cli
