// clone, rename: what is done to machines that do not run.
#include "cli/exit_status.h"
#include "cli/jobs.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

struct Change {
    const char* method;    // "CloneMachine"
    const char* word;      // "clone"
    const char* progress;  // "copying"
};

// Waits for the job of a change that is asked for with the operands of the command line.
Result<int> change(const Invocation& call, const Change& change)
{
    Client client = TRY(connect(call));
    Jobs jobs(client);
    TRY(jobs.listen());
    const std::string &name = call.operands[0], &other = call.operands[1];
    auto ask = [&]() -> Result<std::string> { return TRY(client.ask<systemd::ObjectPath>(change.method, name, other)).text; };
    TRY(jobs.begin({.machine = name, .goal = JobGoal::Changed, .what = cannot(change.word, name), .ask = ask}));
    return TRY(jobs.wait_for_all(change.progress, call)) ? exit_done : exit_failed;
}

}  // namespace

Result<int> rename(const Invocation& call)
{
    return change(call, {.method = "RenameMachine", .word = "rename", .progress = "renaming"});
}

Result<int> clone(const Invocation& call)
{
    return change(call, {.method = "CloneMachine", .word = "clone", .progress = "copying"});
}

}  // namespace holm::cli::verbs
