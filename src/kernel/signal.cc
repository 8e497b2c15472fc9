#include "kernel/signal.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "kernel/process.h"

namespace holm::kernel {

Result<Fd> open_signals()
{
    reset_signals();
    sigset_t blocked;
    ::sigfillset(&blocked);
    for (int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT}) ::sigdelset(&blocked, fault);
    if (::sigprocmask(SIG_SETMASK, &blocked, nullptr)) return sys_error("cannot block signals");
    Fd fd(::signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return sys_error("cannot make a descriptor for signals");
    return fd;
}

std::vector<ReceivedSignal> receive_signals(int signals)
{
    std::vector<ReceivedSignal> received;
    std::array<signalfd_siginfo, 16> pending;
    ssize_t size;
    while ((size = ::read(signals, pending.data(), sizeof pending)) > 0)
        for (size_t i = 0; i < static_cast<size_t>(size) / sizeof pending[0]; ++i)
            received.push_back({static_cast<int>(pending[i].ssi_signo), static_cast<pid_t>(pending[i].ssi_pid)});
    return received;
}

}  // namespace holm::kernel
