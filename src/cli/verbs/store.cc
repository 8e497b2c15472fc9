// clone-image, read-only, prune, df, fsck: the image store kept in order.
#include <tuple>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/sizes.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

std::string cannot_image(std::string_view what, std::string_view image)
{
    return fmt::format("cannot {} image '{}'", what, printable(image));
}

Result<bool> parse_flag(const std::string& text)
{
    for (const char* yes : {"yes", "true", "1", "on"})
        if (text == yes) return true;
    for (const char* no : {"no", "false", "0", "off"})
        if (text == no) return false;
    return error(Errc::Invalid, "'{}' is neither yes nor no", printable(text, 80));
}

// Bytes as a text, or as a number of the JSON.
Cell size_cell(uint64_t bytes, const Invocation& call)
{
    if (call.json == JsonStyle::Off) return describe_size(bytes);
    return bytes;
}

}  // namespace

Result<int> clone_image(const Invocation& call)
{
    Client client = TRY(connect(call));
    TRY(client.call("CloneImage", call.operands[0], call.operands[1], call.has("--read-only")), cannot_image("clone", call.operands[0]));
    return exit_done;
}

Result<int> read_only(const Invocation& call)
{
    auto flag = call.operands.size() > 1 ? parse_flag(call.operands[1]) : Result<bool>(true);
    if (!flag) return usage_error(flag.error());
    Client client = TRY(connect(call));
    TRY(client.call("MarkImageReadOnly", call.operands[0], *flag), cannot_image("mark", call.operands[0]));
    return exit_done;
}

Result<int> prune(const Invocation& call)
{
    Client client = TRY(connect(call));
    const MessageHandle answer = TRY(client.call_patiently("PruneImages", call.has("--dry-run")), "cannot prune the image store");
    using Gone = std::vector<std::tuple<std::string, std::string, uint64_t>>;  // what it was, its id, bytes
    const auto gone = TRY(systemd::read<Gone>(answer.get()), "cannot prune the image store");
    Table table{.columns = {{"TYPE", "type"}, {"ID", "id"}, {"SIZE", "size"}}};
    for (auto& [kind, id, bytes] : gone) table.rows.push_back({kind, id, size_cell(bytes, call)});
    TRY(print_table(table, call, "item"));
    return exit_done;
}

Result<int> disk_usage(const Invocation& call)
{
    Client client = TRY(connect(call));
    const MessageHandle answer = TRY(client.call_patiently("DescribeDiskUsage"), "cannot see what is used");
    using Row = std::tuple<std::string, std::string, uint64_t, uint64_t>;
    const auto rows = TRY(systemd::read<std::vector<Row>>(answer.get()), "cannot see what is used");
    Table table{.columns = {{"TYPE", "type"}, {"NAME", "name"}, {"SIZE", "size"}, {"SHARED", "shared"}, {"OWN", "own"}}};
    for (auto& [kind, name, bytes, own] : rows)
        table.rows.push_back({kind, name, size_cell(bytes, call), size_cell(bytes - own, call), size_cell(own, call)});
    TRY(print_table(table, call, "item"));
    return exit_done;
}

Result<int> check_images(const Invocation& call)
{
    Client client = TRY(connect(call));
    const MessageHandle answer = TRY(client.call_patiently("CheckImages", call.has("--deep")), "cannot check the image store");
    const auto problems = TRY(systemd::read<std::vector<std::string>>(answer.get()), "cannot check the image store");
    if (call.json != JsonStyle::Off) {
        Table table{.columns = {{"PROBLEM", "problem"}}};
        for (const std::string& problem : problems) table.rows.push_back({problem});
        TRY(print_table(table, call, "problem"));
    } else
        for (const std::string& problem : problems) complain(problem);
    return problems.empty() ? exit_done : exit_failed;
}

}  // namespace holm::cli::verbs
