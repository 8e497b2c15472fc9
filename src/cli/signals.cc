#include "cli/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace holm::cli {

namespace {

bool is_ignored(int signal)
{
    struct sigaction action{};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Result<CaughtSignals> CaughtSignals::open()
{
    CaughtSignals signals;
    ::sigprocmask(SIG_SETMASK, nullptr, &signals.before_);
    sigset_t mask;
    ::sigemptyset(&mask);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH})
        if (!is_ignored(signal)) ::sigaddset(&mask, signal);
    TRY(signals.set(mask));
    return signals;
}

Result<> CaughtSignals::add_quit()
{
    sigset_t mask = caught_;
    if (!is_ignored(SIGQUIT)) ::sigaddset(&mask, SIGQUIT);
    return set(mask);
}

Result<> CaughtSignals::set(const sigset_t& mask)
{
    Fd fd(::signalfd(fd_ ? fd_.get() : -1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return sys_error("cannot make a descriptor for signals");
    if (fd_) static_cast<void>(fd.release());  // signalfd changed the one that there is
    else fd_ = std::move(fd);
    caught_ = mask;
    ::sigprocmask(SIG_BLOCK, &mask, nullptr);
    return {};
}

CaughtSignals::~CaughtSignals()
{
    if (fd_) ::sigprocmask(SIG_SETMASK, &before_, nullptr);  // what has come and was not taken acts now
}

std::vector<int> CaughtSignals::take() const
{
    std::vector<int> taken;
    signalfd_siginfo info;
    while (::read(fd_.get(), &info, sizeof info) == sizeof info) taken.push_back(static_cast<int>(info.ssi_signo));
    return taken;
}

}  // namespace holm::cli
