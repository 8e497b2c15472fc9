#include "kernel/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

namespace holm::kernel {

Result<> unshare_namespaces(int flags)
{
    if (::unshare(flags)) return sys_error("cannot make a namespace");
    return {};
}

Result<> join_namespaces(int pidfd, int flags)
{
    if (::setns(pidfd, flags)) return sys_error("cannot enter the machine's namespaces");
    return {};
}

Result<Fd> open_mount_namespace(int pidfd)
{
    const std::string facts = TRY(read_regular_file(fmt::format("/proc/self/fdinfo/{}", pidfd), 4096));
    for (std::string_view line : split(facts, '\n')) {
        if (!line.starts_with("Pid:")) continue;
        const auto pid = parse_number(trim(line.substr(4)));
        if (!pid) break;
        Fd space = TRY(open_file(fmt::format("/proc/{}/ns/mnt", *pid), O_RDONLY));
        // Had it ended, the pid could have been another's meanwhile.
        if (::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0)) return sys_error("cannot find the machine's process");
        return space;
    }
    return error(Errc::Busy, "the machine's process has just ended");
}

Result<> join_mount_namespace(int fd)
{
    if (::setns(fd, CLONE_NEWNS)) return sys_error("cannot enter the machine's mounts");
    return {};
}

Result<> unshare_time(const ClockOffsets& offsets)
{
    using namespace std::chrono;
    TRY(unshare_namespaces(CLONE_NEWTIME), "time namespace");
    std::string lines;
    auto add = [&](const char* clock, const std::optional<nanoseconds>& offset) {
        if (!offset) return;
        auto whole = floor<seconds>(*offset);  // the nanoseconds are never negative
        lines += fmt::format("{} {} {}\n", clock, whole.count(), (*offset - whole).count());
    };
    add("monotonic", offsets.monotonic);
    add("boottime", offsets.boottime);
    return lines.empty() ? Result<>() : write_value("/proc/self/timens_offsets", lines);
}

Result<Fd> open_user_namespace(int pid)
{
    return open_file(fmt::format("/proc/{}/ns/user", pid), O_RDONLY);
}

Result<> set_hostname(const std::string& name)
{
    if (::sethostname(name.c_str(), name.size())) return sys_error("cannot set the hostname '{}'", name);
    return {};
}

}  // namespace holm::kernel
