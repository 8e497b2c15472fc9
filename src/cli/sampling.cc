#include "cli/sampling.h"

#include <algorithm>
#include <chrono>

#include "base/fd.h"
#include "base/text.h"
#include "cli/jobs.h"
#include "cli/properties.h"
#include "kernel/cgroup.h"

namespace holm::cli {

namespace {

constexpr size_t max_file = 1 << 20;

std::string read_or_empty(const std::string& path)
{
    auto text = read_regular_file(path, max_file);
    return text ? *text : "";
}

std::optional<uint64_t> read_number(const std::string& path)
{
    const std::string text = read_or_empty(path);
    return parse_number(trim(text));
}

Usage observe_usage(const std::string& cgroup, uint64_t leader)
{
    Usage usage;
    usage.cpu = find_counter(read_or_empty(cgroup + "/cpu.stat"), "usage_usec");
    usage.memory = read_number(cgroup + "/memory.current");
    usage.swap = read_number(cgroup + "/memory.swap.current");
    usage.tasks = read_number(cgroup + "/pids.current");
    usage.cpu_pressure = find_pressure(read_or_empty(cgroup + "/cpu.pressure"));
    usage.memory_pressure = find_pressure(read_or_empty(cgroup + "/memory.pressure"));
    usage.io_pressure = find_pressure(read_or_empty(cgroup + "/io.pressure"));
    if (auto io = read_regular_file(cgroup + "/io.stat", max_file)) std::tie(usage.read, usage.written) = sum_io(*io);
    if (leader == 0) return usage;
    if (auto links = read_regular_file(fmt::format("/proc/{}/net/dev", leader), max_file))
        std::tie(usage.received, usage.sent) = sum_links(*links);
    return usage;
}

uint64_t monotonic_time()
{
    using namespace std::chrono;
    return static_cast<uint64_t>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

Sample sample_of(const Properties& machine, const std::string& mount)
{
    Sample sample{.name = text_of(machine, "Name"),
                  .state = text_of(machine, "State"),
                  .unit = text_of(machine, "Unit"),
                  .health = text_of(machine, "Health"),
                  .frozen = flag_of(machine, "Frozen"),
                  .started = number_of(machine, "StartedTimestamp"),
                  .boots = number_of(machine, "Boots"),
                  .time = monotonic_time(),
                  .usage = {}};
    const std::string cgroup = text_of(machine, "ControlGroup");
    if (flag_of(machine, "Started") && !cgroup.empty()) sample.usage = observe_usage(mount + cgroup, number_of(machine, "Leader"));
    return sample;
}

}  // namespace

Result<std::vector<Sample>> take_samples(Client& client, Which which, const std::vector<std::string>& names)
{
    using Row =
        std::tuple<std::string, std::string, std::string, systemd::ObjectPath, std::string, uint32_t, bool, std::string, systemd::Labels>;
    const std::string mount = TRY(kernel::cgroup_mount());
    std::vector<std::string> wanted = names;
    if (names.empty()) {
        const MessageHandle answer = TRY(client.call("ListAll"), "cannot list machines");
        const auto rows = TRY(systemd::read<std::vector<Row>>(answer.get()), "cannot list machines");
        for (const Row& row : rows) {
            const std::string& state = std::get<4>(row);
            if (which == Which::All || (state != "stopped" && state != "failed")) wanted.push_back(std::get<0>(row));
        }
        std::ranges::sort(wanted);
    }
    std::vector<Sample> samples;
    for (const std::string& name : wanted) {
        auto machine = observe_machine(client, name);
        if (machine) samples.push_back(sample_of(*machine, mount));
        else if (machine.error().code != Errc::NotFound || !names.empty()) return machine.error();
    }
    return samples;
}

}  // namespace holm::cli
