#include "kernel/process.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace holm::kernel {

Result<Child> clone_process(uint64_t flags, int cgroup, pid_t own_pid)
{
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = flags | CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    if (!(flags & CLONE_PARENT)) arguments.exit_signal = SIGCHLD;
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = static_cast<uint64_t>(cgroup);
    }
    if (own_pid > 0) arguments.set_tid = reinterpret_cast<uint64_t>(&own_pid), arguments.set_tid_size = 1;
    long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid < 0) return sys_error("cannot make a process");
    if (pid == 0) return Child{};
    return Child{static_cast<pid_t>(pid), Fd(pidfd)};
}

Result<Fd> open_process(pid_t pid)
{
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // <sys/pidfd.h> of glibc 2.36 has no extern "C"
    if (!pidfd) return sys_error("cannot open process {}", pid);
    return pidfd;
}

Result<> signal_process(int pidfd, int signal)
{
    if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0)) return sys_error("cannot send signal {}", signal);
    return {};
}

namespace {

Result<std::optional<Exit>> wait_on(int pidfd, int flags)
{
    siginfo_t info{};
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | flags))
        if (errno != EINTR) return sys_error("cannot wait for a process");
    if (info.si_pid == 0) return std::optional<Exit>();
    return std::optional(Exit{info.si_code != CLD_EXITED, info.si_status});
}

}  // namespace

Result<std::optional<Exit>> poll_exit(int pidfd)
{
    return wait_on(pidfd, WNOHANG);
}

Result<Exit> wait_exit(int pidfd)
{
    std::optional<Exit> exit = TRY(wait_on(pidfd, 0));
    return *exit;
}

void reset_signals()
{
    // By the system call: libc's sigaction(2) refuses its own two (32, 33), which a posix_spawn(3) leaves ignored in its child.
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)();
        unsigned long mask;
    } action{SIG_DFL, 0, nullptr, 0};
    for (int signal = 1; signal < _NSIG; ++signal)
        ::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask);  // SIGKILL, SIGSTOP refuse
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<> close_descriptors_but(std::vector<int> keep)
{
    std::sort(keep.begin(), keep.end());
    unsigned from = 3;
    for (int fd : keep) {
        if (fd < 0 || static_cast<unsigned>(fd) < from) continue;
        if (static_cast<unsigned>(fd) > from && ::close_range(from, static_cast<unsigned>(fd) - 1, 0))
            return sys_error("cannot close descriptors");
        from = static_cast<unsigned>(fd) + 1;
    }
    if (::close_range(from, ~0u, 0)) return sys_error("cannot close descriptors");
    return {};
}

}  // namespace holm::kernel
