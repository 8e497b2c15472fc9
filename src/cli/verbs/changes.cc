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
    Errc done_before;      // jobs.h
};

Result<int> change_image(Client& client, const Invocation& call, const Change& change)
{
    const std::string &name = call.operands[0], &other = call.operands[1], what = cannot(change.word, name);
    const bool clones = std::string_view(change.word) == "clone";
    if (clones) TRY(client.call_patiently("CloneImage", name, other, false), what);
    else TRY(client.call_patiently("RenameImage", name, other), what);
    return exit_done;
}

// Waits for the job of a change that is asked for with the operands of the command line.
Result<int> change(const Invocation& call, const Change& change)
{
    Client client = TRY(connect(call));
    Jobs jobs(client);
    TRY(jobs.listen());
    const std::string &name = call.operands[0], &other = call.operands[1];
    auto ask = [&]() -> Result<std::string> { return TRY(client.ask<systemd::ObjectPath>(change.method, name, other)).text; };
    auto begun = jobs.begin(
        {.machine = name, .goal = JobGoal::Changed, .what = cannot(change.word, name), .ask = ask, .done_before = change.done_before});
    if (!begun && is_only_image(client, name, begun.error())) return change_image(client, call, change);
    TRY(begun);
    return TRY(jobs.wait_for_all(change.progress, call)) ? exit_done : exit_failed;
}

}  // namespace

bool is_only_image(Client& client, const std::string& name, const Error& refusal)
{
    return refusal.code == Errc::NotFound && client.call("GetImage", name).has_value();
}

Result<int> rename(const Invocation& call)
{
    return change(call, {.method = "RenameMachine", .word = "rename", .progress = "renaming", .done_before = Errc::NotFound});
}

Result<int> clone(const Invocation& call)
{
    return change(call, {.method = "CloneMachine", .word = "clone", .progress = "copying", .done_before = Errc::Exists});
}

}  // namespace holm::cli::verbs
