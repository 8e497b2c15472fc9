#include "supervisor/unit_cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "base/handle.h"
#include "base/text.h"
#include "kernel/process.h"

namespace holm::supervisor {

namespace {

constexpr int max_depth = 64;  // of the tree that a payload makes of its cgroup

using Folder = Handle<DIR, ::closedir>;

void list_processes(int cgroup, int depth, std::vector<pid_t>& pids)
{
    auto content = kernel::read_cgroup(cgroup, "cgroup.procs");
    if (!content) return;  // removed meanwhile, or threaded: its processes are listed above it
    for (std::string_view line : split(*content, '\n'))
        if (auto pid = parse_number(line, INT32_MAX); pid && *pid > 0) pids.push_back(static_cast<pid_t>(*pid));
    Fd fd(::openat(cgroup, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Folder folder(fd ? ::fdopendir(fd.get()) : nullptr);
    if (!folder) return;
    fd.release();
    while (dirent* entry = ::readdir(folder.get())) {
        std::string_view name = entry->d_name;
        if (entry->d_type != DT_DIR || name == "." || name == ".." || depth >= max_depth) continue;
        if (Fd child{::openat(cgroup, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)})
            list_processes(child.get(), depth + 1, pids);
    }
}

// Whether the process is below that cgroup.
bool is_below(pid_t pid, std::string_view cgroup)
{
    auto content = read_regular_file(fmt::format("/proc/{}/cgroup", pid));
    if (!content) return false;
    for (std::string_view line : split(*content, '\n')) {
        if (!line.starts_with("0::")) continue;
        line.remove_prefix(3);
        return line.starts_with(cgroup) && (line.size() == cgroup.size() || line[cgroup.size()] == '/');
    }
    return false;
}

}  // namespace

Result<> CgroupEvents::watch(kernel::EventLoop& loop, int cgroup, std::function<void()> on_change)
{
    reset();
    file_ = TRY(open_at(cgroup, "cgroup.events", O_RDONLY));
    read();
    // kernfs tells a change as EPOLLPRI and EPOLLERR until the file is read again.
    watch_ = TRY(loop.watch(file_.get(), EPOLLPRI,
                            [this, on_change = std::move(on_change)](uint32_t) {
                                read();
                                on_change();
                            }),
                 "cgroup.events");
    return {};
}

void CgroupEvents::reset()
{
    watch_.reset();
    file_.reset();
    populated_ = frozen_ = false;
}

bool CgroupEvents::populated()
{
    if (file_) read();
    return populated_;
}

void CgroupEvents::read()
{
    std::array<char, 256> buffer;
    ssize_t size = ::pread(file_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {      // ENODEV: the cgroup is gone
        watch_.reset();  // it would be told for ever
        populated_ = frozen_ = false;
        return;
    }
    std::string_view text(buffer.data(), static_cast<size_t>(size));
    populated_ = text.find("populated 1") != text.npos;
    frozen_ = text.find("frozen 1") != text.npos;
}

Result<> UnitCgroup::open(pid_t child)
{
    path_ = TRY(kernel::own_cgroup());
    std::string mount = TRY(kernel::cgroup_mount());
    unit_ = TRY(kernel::open_cgroup(mount + path_), "cgroup of the unit");
    if (path_ == "/") path_.clear();
    Fd supervisor = TRY(kernel::make_cgroup(unit_.get(), "supervisor"), "cgroup of the unit");
    TRY(kernel::enter_cgroup(supervisor.get()), "cgroup of the supervisor");
    if (child) TRY(kernel::enter_cgroup(supervisor.get(), child), "cgroup of holm-setup");
    // Fails where another process is in the unit: by hand, in somebody's session.
    if (auto enabled = kernel::enable_controllers(unit_.get()); !enabled)
        warning_ = fmt::format("the machine cannot set limits inside: {}", enabled.error().text);
    return {};
}

Result<> UnitCgroup::make_payload()
{
    TRY(remove_payload());
    payload_ = TRY(kernel::make_cgroup(unit_.get(), "payload"), "cgroup of the payload");
    return {};
}

Result<> UnitCgroup::remove_payload()
{
    payload_.reset();
    if (!unit_) return {};
    TRY(kernel::remove_cgroup(unit_.get(), "payload"), "cgroup of the payload");
    return {};
}

Result<Fd> UnitCgroup::make_exec(const std::string& name) const
{
    return kernel::make_cgroup(payload_.get(), name);
}
Result<> UnitCgroup::remove_exec(const std::string& name) const
{
    return kernel::remove_cgroup(payload_.get(), name);
}

Result<> UnitCgroup::signal_payload(int signal) const
{
    if (signal == SIGKILL) return kernel::kill_cgroup(payload_.get());
    std::vector<pid_t> pids;
    list_processes(payload_.get(), 0, pids);
    for (pid_t pid : pids) {
        auto process = kernel::open_process(pid);
        // Only what is still there, now that the descriptor holds it: a pid may have been given to another meanwhile.
        if (!process || !is_below(pid, path_ + "/payload")) continue;
        auto sent = kernel::signal_process(process->get(), signal);
        if (!sent && sent.error().code != Errc::NotFound) return sent;
    }
    return {};
}

Result<> UnitCgroup::freeze_payload(kernel::Freeze state) const
{
    return kernel::freeze_cgroup(payload_.get(), state);
}

uint64_t UnitCgroup::refused_tasks() const
{
    if (!payload_) return 0;
    return kernel::read_cgroup_event(payload_.get(), "pids.events", "max").value_or(0) +
           kernel::read_cgroup_event(payload_.get(), "pids.events.local", "max").value_or(0);
}

uint64_t UnitCgroup::out_of_memory_kills() const
{
    return kernel::read_cgroup_event(unit_.get(), "memory.events", "oom_kill").value_or(0);
}

}  // namespace holm::supervisor
