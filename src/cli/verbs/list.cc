// list: a table of machines, of one call to holmd.
#include <fnmatch.h>

#include <algorithm>
#include <tuple>

#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

// (name, class, service, object, state, leader, frozen, unit, labels) of ListAll.
using Row =
    std::tuple<std::string, std::string, std::string, systemd::ObjectPath, std::string, uint32_t, bool, std::string, systemd::Labels>;

bool is_active(const std::string& state)
{
    return state != "stopped" && state != "failed";
}

bool has_labels(const systemd::Labels& labels, const std::vector<std::string>& wanted)
{
    return std::ranges::all_of(wanted, [&](const std::string& text) {
        const size_t equals = text.find('=');
        auto found = labels.find(text.substr(0, equals));
        return found != labels.end() && (equals == text.npos || found->second == text.substr(equals + 1));
    });
}

bool is_named(const std::string& name, const std::vector<std::string>& patterns)
{
    return patterns.empty() ||
           std::ranges::any_of(patterns, [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

std::string describe_hidden(unsigned count)
{
    return fmt::format("No machine runs; {} {}: 'holmctl list --all' shows {}.", count, count == 1 ? "other exists" : "others exist",
                       count == 1 ? "it" : "them");
}

}  // namespace

Result<int> list(const Invocation& call)
{
    Client client = TRY(connect(call));
    const MessageHandle answer = TRY(client.call("ListAll"), "cannot list machines");
    auto machines = TRY(systemd::read<std::vector<Row>>(answer.get()), "cannot list machines");
    std::ranges::sort(machines, {}, [](const Row& row) { return std::get<0>(row); });

    Table table{.columns = {{"MACHINE", "name"},
                            {"CLASS", "class"},
                            {"SERVICE", "service"},
                            {"STATE", "state"},
                            {"FROZEN", "frozen", Shown::InJson},
                            {"UNIT", "unit"},
                            {"LEADER", "leader"},
                            {"LABELS", "labels", Shown::InJson}}};
    unsigned hidden = 0;
    for (auto& [name, type, service, object, state, leader, frozen, unit, labels] : machines) {
        if (!is_named(name, call.operands) || !has_labels(labels, call.values("--label"))) continue;
        if (!call.has("--all") && call.operands.empty() && !is_active(state)) {
            ++hidden;
            continue;
        }
        const bool in_text = call.json == JsonStyle::Off;
        table.rows.push_back({name, type, service, in_text && frozen ? "frozen" : state, frozen, unit, uint64_t{leader}, labels});
    }
    if (hidden > 0) table.when_empty = describe_hidden(hidden);
    TRY(print_table(table, call));
    return exit_done;
}

}  // namespace holm::cli::verbs
