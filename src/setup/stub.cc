#include "setup/stub.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "kernel/process.h"

namespace holm::setup {

namespace {

// The program's exit status, once it has ended.
std::optional<int> reap(pid_t program)
{
    std::optional<int> code;
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == program) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return code;
}

// Blocked signals are kept for PID 1 too, whatever their action (signal(7), sig_ignored() of the kernel).
[[noreturn]] void forward_signals(pid_t program)
{
    sigset_t signals;
    ::sigfillset(&signals);
    for (;;) {
        siginfo_t info;
        int signal = ::sigwaitinfo(&signals, &info);
        if (signal == SIGCHLD) {
            if (auto code = reap(program)) ::_exit(*code);
        } else if (signal > 0) ::kill(program, signal);
    }
}

}  // namespace

void take_signals()
{
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, [](int) {});
}

Result<> become_stub(int status_socket, const std::function<Result<>()>& confine)
{
    take_signals();  // before the child is there, so that no signal is lost
    kernel::Child program = TRY(kernel::clone_process(0), "cannot make the process of the command");
    if (program.pid == 0) {
        kernel::reset_signals();
        return {};
    }
    if (!confine()) ::_exit(1);   // the child fails in the same way, and says why
    ::close(status_socket);       // its end tells that the program was executed
    ::prctl(PR_SET_DUMPABLE, 0);  // this is a program of the host: nobody inside may look at it or write to it
    ::prctl(PR_SET_NAME, "holm-init");
    ::setsid();
    std::ignore = ::chdir("/");  // a folder that it keeps busy is none of the program's
    ::close_range(0, ~0u, 0);
    forward_signals(program.pid);
}

}  // namespace holm::setup
