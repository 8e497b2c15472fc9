#include "supervisor/child.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

namespace holm::supervisor {

Result<> Child::watch(kernel::EventLoop& loop, std::function<void(WaitStatus)> on_exit)
{
    on_exit_ = std::move(on_exit);
    watch_ = TRY(loop.watch(pidfd_.get(), EPOLLIN, [this](uint32_t) { reap(); }), "child");
    return {};
}

Result<> Child::signal(int number) const
{
    return kernel::signal_process(pidfd_.get(), number);
}

void Child::reap()
{
    auto exit = kernel::poll_exit(pidfd_.get());
    if (exit && !*exit) return;
    WaitStatus status{.signalled = true, .value = SIGKILL};  // of one that was no child after all: its end is all that is known
    if (exit) status = {(*exit)->by_signal, (*exit)->value};
    watch_.reset();
    auto on_exit = std::move(on_exit_);
    on_exit(status);
}

void reap_strays()
{
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
}

}  // namespace holm::supervisor
