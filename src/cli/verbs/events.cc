// events: what has become of machines, as the journal has it, read without holmd.
#include "base/text.h"
#include "cli/event_journal.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

constexpr std::chrono::seconds look_again{1};  // journald's notice may be late on a file system without inotify

Result<bool> print_present(EventJournal& journal, JsonStyle style)
{
    bool any = false;
    while (auto event = TRY(journal.next())) {
        any = true;
        TRY(print(describe_event(*event, style)));
    }
    return any;
}

}  // namespace

Result<int> events(const Invocation& call)
{
    const auto since = parse_since(call.value("--since", "-1d"));
    if (!since) return usage_error(with_context(since.error(), "--since"));
    for (const std::string& name : call.operands) TRY(machine::parse_name(name));
    constexpr const char* what = "cannot show events";
    EventJournal journal = TRY(EventJournal::open(call.operands), what);
    TRY(journal.seek(*since), what);
    const bool any = TRY(print_present(journal, call.json), what);
    if (!any && !may_read_journal()) return error(Errc::Denied, "{}: {}", what, journal_refused);
    while (call.has("--follow")) {
        TRY(journal.wait(look_again), what);
        TRY(print_present(journal, call.json), what);
    }
    return exit_done;
}

}  // namespace holm::cli::verbs
