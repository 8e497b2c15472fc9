#include "daemon/process_facts.h"

#include <unistd.h>
#include <ctime>

#include "base/fd.h"
#include "base/text.h"
#include "kernel/cgroup.h"

namespace holm::daemon {

Result<std::string> cgroup_of(pid_t pid)
{
    const std::string text = TRY(read_regular_file(fmt::format("/proc/{}/cgroup", pid), 64 << 10));
    for (std::string_view line : split(text, '\n'))
        if (line.starts_with("0::")) return std::string(line.substr(3));
    return error(Errc::NotFound, "process {} is in no cgroup of v2", pid);
}

// Field 22 of /proc/PID/stat, in ticks since boot (proc(5)); counted from behind the command's name, which may hold anything.
uint64_t start_time_of(pid_t pid)
{
    auto text = read_regular_file(fmt::format("/proc/{}/stat", pid), 4096);
    if (!text) return 0;
    const size_t name_end = text->rfind(')');
    if (name_end == text->npos) return 0;
    const auto fields = split(std::string_view(*text).substr(name_end + 1), ' ');  // the first is empty, then field 3
    auto ticks = fields.size() > 20 ? parse_number(fields[20]) : std::nullopt;
    if (!ticks) return 0;
    timespec now{}, boot{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    ::clock_gettime(CLOCK_BOOTTIME, &boot);
    auto micro = [](const timespec& time) {
        return static_cast<uint64_t>(time.tv_sec) * 1000000 + static_cast<uint64_t>(time.tv_nsec) / 1000;
    };
    return micro(now) - micro(boot) + *ticks * (1000000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

std::string_view cgroup_of_unit(std::string_view cgroup, std::string_view unit)
{
    for (size_t at = cgroup.find('/'); at != cgroup.npos; at = cgroup.find('/', at + 1)) {
        const std::string_view rest = cgroup.substr(at + 1);
        if (rest.starts_with(unit) && (rest.size() == unit.size() || rest[unit.size()] == '/'))
            return cgroup.substr(0, at + 1 + unit.size());
    }
    return {};
}

std::string cgroup_of_slice(std::string_view slice)
{
    if (slice == "-.slice") return "";
    std::string path;
    for (size_t dash = slice.find('-'); dash != slice.npos; dash = slice.find('-', dash + 1))
        path += fmt::format("/{}.slice", slice.substr(0, dash));
    return path + fmt::format("/{}", slice);
}

namespace {
bool has_event(const std::string& cgroup, const char* line)
{
    auto mount = kernel::cgroup_mount();
    auto events = mount ? read_file(*mount + cgroup + "/cgroup.events") : Result<std::string>(mount.error());
    return events && events->contains(line);
}
}  // namespace

bool is_populated(const std::string& cgroup)
{
    return has_event(cgroup, "populated 1\n");
}

bool is_gone(const std::string& cgroup)
{
    auto mount = kernel::cgroup_mount();
    return mount && !cgroup.empty() && !is_populated(cgroup);
}

bool is_frozen(const std::string& cgroup)
{
    return has_event(cgroup, "frozen 1\n");
}

}  // namespace holm::daemon
