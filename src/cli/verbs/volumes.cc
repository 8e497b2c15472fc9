// list-volumes, volume-create, volume-remove.
#include <ctime>
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

// (name, created, size, machines) of ListVolumes.
using Row = std::tuple<std::string, uint64_t, uint64_t, std::vector<std::string>>;

std::string describe_day(uint64_t microseconds)
{
    const auto seconds = static_cast<time_t>(microseconds / 1000000);
    tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[32];
    ::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

}  // namespace

Result<int> list_volumes(const Invocation& call)
{
    Client client = TRY(connect(call));
    const auto rows = TRY(client.ask<std::vector<Row>>("ListVolumes"), "cannot list volumes");
    Table table{.columns = {{"VOLUME", "name"}, {"CREATED", "created"}, {"SIZE", "size"}, {"MACHINES", "machines"}}};
    const bool json = call.json != JsonStyle::Off;
    for (auto& [name, created, size, machines] : rows) {
        const std::string users = fmt::format("{}", fmt::join(machines, " "));
        if (json) table.rows.push_back({name, created, size, users});
        else table.rows.push_back({name, describe_day(created), size == 0 ? "" : machine::describe_size(size), users});
    }
    TRY(print_table(table, call, "volume"));
    return exit_done;
}

Result<int> volume_create(const Invocation& call)
{
    uint64_t size = 0;
    if (call.has("--size")) {
        const auto parsed = machine::parse_size(call.value("--size"));
        if (!parsed) return usage_error(with_context(parsed.error(), "--size"));
        size = *parsed;
    }
    Client client = TRY(connect(call));
    const std::string& name = call.operands[0];
    TRY(client.call("CreateVolume", name, size), fmt::format("cannot make volume '{}'", printable(name)));
    return exit_done;
}

Result<int> volume_remove(const Invocation& call)
{
    Client client = TRY(connect(call));
    return for_each_machine(call, [&](const std::string& name) -> Result<> {
        TRY(client.call("RemoveVolume", name), fmt::format("cannot remove volume '{}'", printable(name)));
        return {};
    });
}

}  // namespace holm::cli::verbs
