#include "snapshot.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::string_view text)
{
    Lines lines;
    for (std::string_view line : split(text, '\n'))
        if (!trim(line).empty()) lines.emplace_back(trim(line));
    return lines;
}

bool contains(std::string_view text, std::initializer_list<std::string_view> words)
{
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// Mounts of PID 1, without the numbers that change and without those of sessions.
Lines mounts()
{
    Lines found;
    for (const std::string& line : lines_of(content_of("/proc/1/mountinfo"))) {
        auto fields = split(line, ' ');
        if (fields.size() < 10 || contains(fields[4], {"/run/user/", "/run/credentials/"})) continue;
        auto dash = std::ranges::find(fields, "-");
        found.push_back(fmt::format("{} {} {} {}", fields[4], fields[3], fields[5], dash + 1 < fields.end() ? *(dash + 1) : ""));
    }
    return found;
}

Lines links()
{
    Lines found;
    for (const auto& entry : fs::directory_iterator("/sys/class/net")) found.push_back(entry.path().filename());
    return found;
}

// Paths of all that is below `folder`.
Lines files_below(const std::string& folder)
{
    Lines found;
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end; it != end;
         it.increment(error)) {
        if (error) break;
        found.push_back(it->path().string().substr(folder.size()));
    }
    return found;
}

Lines entries_of(const std::string& folder)
{
    Lines found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (!entry.path().filename().string().starts_with("systemd-private-")) found.push_back(entry.path().filename());
    return found;
}

Lines cgroups()
{
    Lines found;
    std::error_code error;
    for (fs::recursive_directory_iterator it("/sys/fs/cgroup", error), end; it != end; it.increment(error)) {
        if (error) break;
        if (!it->is_directory(error)) continue;
        std::string path = it->path().string().substr(strlen("/sys/fs/cgroup"));
        bool ours = path.starts_with("/machine.slice/") || contains(path, {"holm@", "holm-"});
        if (ours && !contains(path, {"host-shells"})) found.push_back(path);
    }
    return found;
}

// Every unit of ours with its state, and every failed one. systemd keeps a slice for as long as it likes.
Lines units()
{
    Lines found;
    for (const std::string& line : lines_of(run({"systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager"}).out)) {
        auto name = line.substr(0, line.find(' '));
        bool ours = name.starts_with("holm") && name != "holmd.service" && name != "holm.target" && !name.ends_with(".slice");
        if (ours || contains(line, {" failed "}))
            found.push_back(fmt::format("{} {}", name, contains(line, {" failed "}) ? "failed" : "loaded"));
    }
    return found;
}

Lines processes()
{
    Lines found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        std::string pid = entry.path().filename();
        if (!parse_number(pid)) continue;
        std::string comm(trim(content_of(entry.path() / "comm")));
        bool ours = comm.starts_with("holm") && comm != "holmd" && !contains(content_of(entry.path() / "cgroup"), {"host-shells"});
        if (ours || content_of(entry.path() / "cgroup").find("/machine.slice/") != std::string::npos)
            found.push_back(fmt::format("{} ({})", comm, printable(content_of(entry.path() / "cmdline"))));
    }
    return found;
}

// What holmd's descriptors refer to, without inode numbers.
Lines descriptors_of_holmd()
{
    Lines found;
    std::error_code error;
    int pid = holmd_pid();
    if (pid == 0) return {"holmd does not run"};
    for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), error)) {
        const std::string target = fs::read_symlink(entry.path(), error).string();
        if (error) continue;  // it has just been closed
        found.push_back(target.substr(0, target.find_first_of('[')));
    }
    return found;
}

Lines registered()
{
    Lines found;
    if (access("/run/systemd/machines", F_OK) != 0) return found;
    for (const std::string& name : entries_of("/run/systemd/machines"))
        if (!name.starts_with("unit:")) found.push_back(name);
    return found;
}

}  // namespace

HostState observe_host()
{
    HostState state;
    state["mounts"] = mounts();
    state["links"] = links();
    state["cgroups"] = cgroups();
    state["units"] = units();
    state["processes"] = processes();
    state["descriptors of holmd"] = descriptors_of_holmd();
    state["machined"] = registered();
    state["nft"] = access("/usr/sbin/nft", X_OK) == 0 ? lines_of(run({"/usr/sbin/nft", "list", "ruleset"}).out) : Lines{};
    for (const char* folder : {"/run/holm", "/var/lib/holm/machines", "/var/lib/holm/networks", "/etc/holm", "/run/systemd/system.control",
                               "/run/systemd/transient", "/run/systemd/nspawn-uid", "/etc/systemd/system.control"})
        state[folder] = files_below(folder);
    for (const char* folder : {"/tmp", "/run", "/var/lib/holm", "/etc/systemd/system"}) state[folder] = entries_of(folder);
    // systemd leaves it of a service that is stopped while it gets its PrivateDevices= (mount_private_dev of core/namespace.c).
    std::erase_if(state["/tmp"], [](const std::string& name) { return name.starts_with("namespace-dev-"); });
    for (auto& [section, lines] : state) std::ranges::sort(lines);
    return state;
}

std::string describe_difference(const HostState& before, const HostState& after)
{
    std::string text;
    for (const auto& [section, lines] : after) {
        auto known = before.find(section);
        const Lines& old = known == before.end() ? Lines{} : known->second;
        Lines came, went;
        std::ranges::set_difference(lines, old, std::back_inserter(came));
        std::ranges::set_difference(old, lines, std::back_inserter(went));
        for (const std::string& line : came) text += fmt::format("  {}: + {}\n", section, line);
        for (const std::string& line : went) text += fmt::format("  {}: - {}\n", section, line);
    }
    return text;
}

std::string journal_position()
{
    const std::string out = run({"journalctl", "-q", "--no-pager", "-n", "1", "-o", "cat", "--show-cursor"}).out;
    constexpr std::string_view mark = "-- cursor: ";
    const size_t at = out.rfind(mark);
    return at == out.npos ? "" : std::string(trim(out.substr(at + mark.size())));
}

std::string describe_crashes(const std::string& since, Allowed errors_of_holmd)
{
    constexpr const char* process_exit = "MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15";  // SD_MESSAGE_UNIT_PROCESS_EXIT
    run({"journalctl", "--sync"});
    std::vector<std::string> words = {"journalctl", "-q", "--no-pager", "-o", "cat", "_PID=1", process_exit};
    if (!since.empty()) words.push_back("--cursor=" + since);  // --after-cursor leaves out the first that matches
    std::string crashes;
    for (const std::string& line : lines_of(run(words).out)) {
        const bool by_fault = contains(line, {"/ABRT", "/SEGV", "/BUS", "/ILL", "/FPE", "/SYS", "/TRAP"});
        const bool by_error = line.starts_with("holmd.service: ") && contains(line, {"code=exited"}) && !contains(line, {"status=0/"});
        if ((line.starts_with("holm") && by_fault) || (by_error && errors_of_holmd == Allowed::No)) crashes += fmt::format("  {}\n", line);
    }
    return crashes;
}

}  // namespace holm::test
