#include "supervisor/outcome.h"

#include "base/text.h"
#include "machine/grammar.h"

namespace holm::supervisor {

const char* describe_kind(OutcomeKind kind)
{
    switch (kind) {
    case OutcomeKind::Exited: return "exited";
    case OutcomeKind::Signalled: return "signalled";
    case OutcomeKind::Failed: return "failed";
    case OutcomeKind::Poweroff: return "poweroff";
    case OutcomeKind::Killed: return "killed";
    }
    return "";
}

std::string describe_status(const WaitStatus& status)
{
    if (!status.signalled) return fmt::format("exit status {}", status.value);
    return "signal " + machine::describe_signal(status.value);
}

std::string describe_end(const Outcome& outcome)
{
    if (outcome.error) return outcome.error->text;
    if (outcome.kind == OutcomeKind::Poweroff) return "it powered off";
    return describe_status({outcome.kind != OutcomeKind::Exited, outcome.status});
}

std::string_view why(const Outcome& outcome)
{
    return outcome.error ? std::string_view(outcome.error->text) : std::string_view();
}

std::string describe_result(const Outcome& outcome, unsigned boots, const Refusals& refusals)
{
    std::string text = fmt::format("result={}\nstatus={}\nwhy={}\nboots={}\n{}", describe_kind(outcome.kind), outcome.status,
                                   printable(why(outcome), 4096), boots, outcome.asked ? "asked=1\n" : "");
    if (!outcome.step.empty()) text += fmt::format("step={}\n", printable(outcome.step, 32));
    if (outcome.error && outcome.error->sys_errno) text += fmt::format("errno={}\n", outcome.error->sys_errno);
    if (refusals.memory_kills) text += fmt::format("memory_kills={}\n", refusals.memory_kills);
    if (refusals.tasks) text += fmt::format("tasks_refused={}\n", refusals.tasks);
    return text;
}

int exit_code(const Outcome& outcome)
{
    if (outcome.asked) return 0;
    switch (outcome.kind) {
    case OutcomeKind::Poweroff: return 0;
    case OutcomeKind::Exited: return outcome.status;
    case OutcomeKind::Signalled: return 128 + outcome.status;
    case OutcomeKind::Failed:
    case OutcomeKind::Killed: return 1;
    }
    return 1;
}

}  // namespace holm::supervisor
