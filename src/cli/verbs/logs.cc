// logs: the journal of a machine, read without holmd.
#include <unistd.h>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/journal.h"
#include "cli/output.h"
#include "cli/since.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

constexpr std::chrono::seconds look_again{1};  // journald's notice may be late on a file system without inotify
constexpr size_t bunch = 64 << 10;             // bytes that are written at once

// All that is there now, in bunches: a journal may be larger than memory. False: nothing.
Result<bool> print_present(Journal& journal, JsonStyle style)
{
    std::string text;
    bool any = false;
    while (auto entry = TRY(journal.next())) {
        any = true;
        text += describe_entry(*entry, style);
        if (text.size() < bunch) continue;
        TRY(print(text));
        text.clear();
    }
    TRY(print(text));
    return any;
}

// An empty journal may be that of a name which does not exist. Logs work without holmd: that it is away is no error.
Result<> check_exists(const Invocation& call, const machine::MachineName& name)
{
    auto client = connect(call);
    if (!client) return {};
    auto found = client->call("GetMachine", name.text());
    if (!found && found.error().code == Errc::NotFound) return found.error();
    return {};
}

uint64_t now()
{
    using namespace std::chrono;
    return static_cast<uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace

Result<int> logs(const Invocation& call)
{
    const machine::MachineName name = TRY(machine::parse_name(call.operands[0]));
    std::optional<uint64_t> lines;
    if (call.has("--lines") && call.value("--lines") != "all") {
        lines = parse_number(call.value("--lines"), 1'000'000'000);
        if (!lines) return usage_error(error(Errc::Invalid, "--lines={} is no number of lines", printable(call.value("--lines"))));
    } else if (call.has("--follow") && !call.has("--lines") && !call.has("--since")) {
        lines = 10;  // as journalctl
    }
    std::optional<uint64_t> since;
    if (call.has("--since")) {
        auto moment = parse_since(call.value("--since"), now());
        if (!moment) return usage_error(with_context(moment.error(), "--since"));
        since = *moment;
    }
    const std::string what = fmt::format("cannot show the logs of machine '{}'", name.text());
    Journal journal = TRY(Journal::open(name), what);
    TRY(journal.seek(lines, since), what);
    const bool any = TRY(print_present(journal, call.json), what);
    if (!any) TRY(check_exists(call, name), what);
    if (!any && !may_read_journal()) return error(Errc::Denied, "{}: {}", what, journal_refused);
    while (call.has("--follow")) {
        TRY(journal.wait(look_again), what);
        TRY(print_present(journal, call.json), what);
    }
    return exit_done;
}

}  // namespace holm::cli::verbs
