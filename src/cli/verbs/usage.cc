// top: what machines use of the host, live on a terminal.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/sampling.h"
#include "cli/verbs/verbs.h"
#include "machine/grammar.h"

namespace holm::cli::verbs {

namespace {

using machine::Microseconds;

// A machine between two samples.
struct Row {
    Sample now;
    std::optional<double> cpu;
    std::optional<uint64_t> read, written, received, sent;
};

std::vector<Row> rows_of(const std::vector<Sample>& before, std::vector<Sample> now)
{
    std::vector<Row> rows;
    for (Sample& sample : now) {
        Row row{.now = std::move(sample), .cpu = {}, .read = {}, .written = {}, .received = {}, .sent = {}};
        auto earlier = std::ranges::find(before, row.now.name, &Sample::name);
        if (earlier != before.end()) {
            row.cpu = cpu_share(*earlier, row.now);
            row.read = rate(*earlier, row.now, &Usage::read);
            row.written = rate(*earlier, row.now, &Usage::written);
            row.received = rate(*earlier, row.now, &Usage::received);
            row.sent = rate(*earlier, row.now, &Usage::sent);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

constexpr std::string_view keys[] = {"cpu", "memory", "swap", "tasks", "io", "network", "pressure", "uptime", "name"};

double pressure_of(const Row& row)
{
    const Usage& usage = row.now.usage;
    return std::max({usage.cpu_pressure.value_or(0), usage.memory_pressure.value_or(0), usage.io_pressure.value_or(0)});
}

// What rows are sorted by, the largest first.
double weight_of(const Row& row, std::string_view key)
{
    if (key == "cpu") return row.cpu.value_or(-1);
    if (key == "memory") return static_cast<double>(row.now.usage.memory.value_or(0));
    if (key == "swap") return static_cast<double>(row.now.usage.swap.value_or(0));
    if (key == "tasks") return static_cast<double>(row.now.usage.tasks.value_or(0));
    if (key == "io") return static_cast<double>(row.read.value_or(0) + row.written.value_or(0));
    if (key == "network") return static_cast<double>(row.received.value_or(0) + row.sent.value_or(0));
    if (key == "pressure") return pressure_of(row);
    if (key == "uptime") return row.now.started ? -static_cast<double>(row.now.started) : -INFINITY;
    return 0;
}

uint64_t uptime_of(const Sample& sample)
{
    using namespace std::chrono;
    const auto now = static_cast<uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
    return sample.started && sample.started < now ? (now - sample.started) / 1'000'000 : 0;
}

Cell number_or_dash(const std::optional<uint64_t>& value, bool in_text, bool bytes)
{
    if (!in_text) return value ? Cell(*value) : Cell(std::string());
    if (!value) return std::string("-");
    return bytes ? describe_bytes(*value) : fmt::format("{}", *value);
}

std::string describe_share(const std::optional<double>& share)
{
    return share ? fmt::format("{:.1f}", *share) : "-";
}

Table table_of(std::vector<Row> rows, const Invocation& call)
{
    const std::string key = call.value("--sort", "cpu");
    std::ranges::stable_sort(rows, std::greater(), [&](const Row& row) { return weight_of(row, key); });
    Table table{.columns = {{"MACHINE", "name"},
                            {"STATE", "state"},
                            {"CPU%", "cpu"},
                            {"MEMORY", "memory"},
                            {"SWAP", "swap"},
                            {"TASKS", "tasks"},
                            {"READ/s", "read"},
                            {"WRITE/s", "written"},
                            {"IN/s", "received"},
                            {"OUT/s", "sent"},
                            {"PSI%", "pressure"},
                            {"UPTIME", "uptime"}}};
    const bool in_text = call.json == JsonStyle::Off;
    for (const Row& row : rows) {
        const Usage& usage = row.now.usage;
        const uint64_t uptime = uptime_of(row.now);
        table.rows.push_back({row.now.name, row.now.frozen ? std::string("frozen") : row.now.state, describe_share(row.cpu),
                              number_or_dash(usage.memory, in_text, true), number_or_dash(usage.swap, in_text, true),
                              number_or_dash(usage.tasks, in_text, false), number_or_dash(row.read, in_text, true),
                              number_or_dash(row.written, in_text, true), number_or_dash(row.received, in_text, true),
                              number_or_dash(row.sent, in_text, true), fmt::format("{:.1f}", pressure_of(row)),
                              in_text ? Cell(machine::describe_duration(std::chrono::seconds(uptime))) : Cell(uptime)});
    }
    return table;
}

// Over what the terminal shows now.
Result<> show(const Table& table, const Invocation& call, bool live)
{
    if (!live) return print_table(table, call);
    TableStyle style{.width = window_size().columns, .colour = colour_wanted(STDOUT_FILENO), .legend = !call.has("--no-legend")};
    return print("\x1b[H\x1b[J" + describe_table(table, style));
}

}  // namespace

Result<int> top(const Invocation& call)
{
    const std::string key = call.value("--sort", "cpu");
    if (std::ranges::find(keys, key) == std::end(keys))
        return usage_error(error(Errc::Invalid, "--sort={} is none of {}", printable(key), fmt::join(keys, ", ")));
    const auto delay = machine::parse_duration(call.value("--delay", "1s"));
    if (!delay) return usage_error(with_context(delay.error(), "--delay"));
    if (*delay < std::chrono::milliseconds(10) || *delay > std::chrono::hours(24))
        return usage_error(error(Errc::Invalid, "--delay={} is not between 10ms and a day", printable(call.value("--delay"))));
    Client client = TRY(connect(call));
    const bool live = is_terminal(STDOUT_FILENO) && call.json == JsonStyle::Off && !call.has("--once");
    std::vector<Sample> before = TRY(take_samples(client, Which::Active, call.operands));
    do {
        TRY(client.wait(*delay));
        std::vector<Sample> now = TRY(take_samples(client, Which::Active, call.operands));
        TRY(show(table_of(rows_of(before, now), call), call, live));
        before = std::move(now);
    } while (live);
    return exit_done;
}

}  // namespace holm::cli::verbs
