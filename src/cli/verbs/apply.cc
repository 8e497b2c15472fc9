// plan, apply: what a machine would be, and a machine that runs made so.
#include <chrono>
#include <ctime>
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

// (key, before, after, "live" and the like) of PlanChanges and ApplyChanges.
using Rows = std::vector<std::tuple<std::string, std::string, std::string, std::string>>;

// `made`: what is live has been done.
Table table_of(const Rows& rows, bool made)
{
    Table table{
        .columns = {{made ? "RESULT" : "WHEN", made ? "result" : "when"}, {"KEY", "key"}, {"BEFORE", "before"}, {"AFTER", "after"}}};
    for (const auto& [key, before, after, when] : rows) table.rows.push_back({made && when == "live" ? "made" : when, key, before, after});
    return table;
}

Result<Rows> ask_rows(Client& client, const char* method, const std::string& name, const auto&... more)
{
    const MessageHandle answer = TRY(client.call(method, name, more...));
    return systemd::read<Rows>(answer.get());
}

bool has_made(const Rows& rows)
{
    for (const auto& [key, before, after, when] : rows)
        if (when == "live") return true;
    return false;
}

std::string time_of_day(std::chrono::microseconds from_now)
{
    const std::time_t then = std::time(nullptr) + std::chrono::duration_cast<std::chrono::seconds>(from_now).count();
    std::tm local{};
    ::localtime_r(&then, &local);
    return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

Result<int> decide(const Invocation& call, const char* method, const char* what)
{
    Client client = TRY(connect(call));
    TRY(client.call(method, call.operands[0]), cannot(what, call.operands[0]));
    return exit_done;
}

}  // namespace

Result<int> plan(const Invocation& call)
{
    const std::string& name = call.operands[0];
    Client client = TRY(connect(call));
    if (call.json != JsonStyle::Off) {
        auto rows = ask_rows(client, "PlanChanges", name);
        if (rows) TRY(print_table(table_of(*rows, false), call, "change"));
        if (rows) return exit_done;
        if (rows.error().code != Errc::Busy) return with_context(rows.error(), cannot("plan", name));
    }
    const std::string text = TRY(client.ask<std::string>("PlanMachine", name), cannot("plan", name));
    if (call.json != JsonStyle::Off) TRY(print(describe_json(Properties{{"Plan", text}}, call.json)));
    else TRY(print_paged(text.ends_with('\n') ? text : text + '\n', call));
    return exit_done;
}

Result<int> apply(const Invocation& call)
{
    const std::string& name = call.operands[0];
    if (call.has("--revert")) return decide(call, "RevertChanges", "take back changes of");
    const std::string time = call.value("--confirm");
    if (call.has("--confirm") && time.empty()) return decide(call, "ConfirmChanges", "confirm changes of");
    std::chrono::microseconds confirm{0};
    if (!time.empty()) {
        auto parsed = machine::parse_duration(time);
        if (!parsed) return usage_error(with_context(parsed.error(), "--confirm"));
        if (parsed->count() == 0)
            return usage_error(error(Errc::Invalid, "--confirm=0 leaves no time to confirm: give it some, as in --confirm=2min"));
        confirm = *parsed;
    }
    Client client = TRY(connect(call));
    const Rows rows =
        TRY(ask_rows(client, "ApplyChanges", name, static_cast<uint64_t>(confirm.count())), cannot("apply the definition of", name));
    if (rows.empty() && call.json == JsonStyle::Off) tell(fmt::format("machine '{}' runs as its definition says", printable(name)), call);
    else TRY(print_table(table_of(rows, true), call, "change"));
    if (confirm.count() && has_made(rows) && !call.has("--quiet"))
        complain(fmt::format("taken back at {} unless 'holmctl apply {} --confirm' keeps it", time_of_day(confirm), printable(name)));
    return exit_done;
}

}  // namespace holm::cli::verbs
