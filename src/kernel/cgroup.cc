#include "kernel/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/handle.h"
#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr size_t max_file = 1 << 20;  // bytes of a file of cgroupfs; cgroup.procs is the longest
constexpr int max_depth = 64;         // of what remove_cgroup descends into; the kernel's default is no limit

using Folder = Handle<DIR, ::closedir>;

// The names of the cgroups below one.
Result<std::vector<std::string>> list_cgroups(int cgroup)
{
    Fd fd = TRY(open_at(cgroup, ".", O_RDONLY | O_DIRECTORY));
    Folder folder(::fdopendir(fd.get()));
    if (!folder) return sys_error("cannot list a cgroup");
    fd.release();
    std::vector<std::string> names;
    while (dirent* entry = ::readdir(folder.get()))
        if (entry->d_type == DT_DIR && std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..")
            names.emplace_back(entry->d_name);
    return names;
}

Result<> remove_below(int parent, const std::string& name, int depth)
{
    if (!::unlinkat(parent, name.c_str(), AT_REMOVEDIR) || errno == ENOENT) return {};
    int number = errno;
    auto cgroup = open_at(parent, name, O_PATH | O_DIRECTORY);
    if (cgroup && depth < max_depth) {
        std::vector<std::string> children = TRY(list_cgroups(cgroup->get()));
        for (auto& child : children) TRY(remove_below(cgroup->get(), child, depth + 1));
        if (!children.empty() && !::unlinkat(parent, name.c_str(), AT_REMOVEDIR)) return {};
    }
    return errno_error(number, "cannot remove cgroup '{}'", printable(name));
}

}  // namespace

Result<std::string> own_cgroup()
{
    const std::string content = TRY(read_regular_file("/proc/self/cgroup"));
    for (std::string_view line : split(content, '\n'))
        if (line.starts_with("0::")) return std::string(line.substr(3));
    return error(Errc::NotFound, "this host has no cgroup v2");
}

Result<std::string> cgroup_mount()
{
    static std::string found;  // asked for with each machine of a list
    if (!found.empty()) return found;
    const std::string content = TRY(read_regular_file("/proc/self/mounts", 16 << 20));
    for (std::string_view line : split(content, '\n')) {
        auto fields = split(line, ' ');
        if (fields.size() > 2 && fields[2] == "cgroup2" && fields[1].starts_with("/sys/fs/cgroup")) found = fields[1];
    }
    if (found.empty()) return error(Errc::NotFound, "cgroup v2 is not mounted below /sys/fs/cgroup");
    return found;
}

Result<Fd> open_cgroup(const std::string& folder)
{
    return open_file(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

Result<Fd> make_cgroup(int parent, const std::string& name)
{
    if (::mkdirat(parent, name.c_str(), 0755) && errno != EEXIST) return sys_error("cannot make cgroup '{}'", printable(name));
    return open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

Result<> remove_cgroup(int parent, const std::string& name)
{
    return remove_below(parent, name, 0);
}

Result<std::string> read_cgroup(int cgroup, const std::string& file)
{
    Fd fd = TRY(open_at(cgroup, file, O_RDONLY));
    auto content = read_all(fd.get(), max_file);
    if (!content) return with_context(content.error(), file);
    return content;
}

Result<> write_cgroup(int cgroup, const std::string& file, std::string_view value)
{
    Fd fd = TRY(open_at(cgroup, file, O_WRONLY));
    if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
        return sys_error("cannot write '{}' to {}", value, file);
    return {};
}

Result<> enter_cgroup(int cgroup, pid_t pid)
{
    return write_cgroup(cgroup, "cgroup.procs", fmt::format("{}", pid));
}

Result<> enable_controllers(int cgroup)
{
    const std::string available = TRY(read_cgroup(cgroup, "cgroup.controllers"));
    std::string enabled;
    for (std::string_view name : split(trim(available), ' '))
        if (!name.empty()) enabled += fmt::format("{}+{}", enabled.empty() ? "" : " ", name);
    return enabled.empty() ? Result<>() : write_cgroup(cgroup, "cgroup.subtree_control", enabled);
}

Result<> delegate_cgroup(int cgroup, uint32_t user)
{
    if (::fchownat(cgroup, "", user, user, AT_EMPTY_PATH)) return sys_error("cannot give the cgroup to user {}", user);
    const std::string files = TRY(read_regular_file("/sys/kernel/cgroup/delegate"));
    for (std::string_view line : split(files, '\n')) {
        const std::string file(line);
        if (!file.empty() && ::fchownat(cgroup, file.c_str(), user, user, AT_SYMLINK_NOFOLLOW) && errno != ENOENT)
            return sys_error("cannot give {} of the cgroup to user {}", file, user);
    }
    return {};
}

Result<> freeze_cgroup(int cgroup, Freeze state)
{
    return write_cgroup(cgroup, "cgroup.freeze", state == Freeze::Frozen ? "1" : "0");
}

Result<> kill_cgroup(int cgroup)
{
    return write_cgroup(cgroup, "cgroup.kill", "1");
}

Result<uint64_t> read_cgroup_event(int cgroup, const std::string& file, std::string_view key)
{
    const std::string content = TRY(read_cgroup(cgroup, file));
    for (std::string_view line : split(content, '\n')) {
        size_t space = line.find(' ');
        if (space != line.npos && line.substr(0, space) == key) return parse_number(line.substr(space + 1)).value_or(0);
    }
    return uint64_t{0};
}

}  // namespace holm::kernel
