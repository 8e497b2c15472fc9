#include "cli/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holm::cli {

namespace {

termios crash_mode;  // what a fatal signal puts back

// tcsetattr and raise are safe in a handler (signal-safety(7)); SA_RESETHAND lets the signal act when it comes back.
void restore_and_die(int signal)
{
    ::tcsetattr(STDIN_FILENO, TCSANOW, &crash_mode);
    ::raise(signal);
}

void on_crash(void (*handler)(int))
{
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::sigaction(signal, &action, nullptr);
}

}  // namespace

Result<RawTerminal> RawTerminal::enter()
{
    termios mode;
    if (::tcgetattr(STDIN_FILENO, &mode) < 0) return sys_error("cannot read the mode of the terminal");
    RawTerminal terminal;
    terminal.saved_ = mode;
    crash_mode = mode;
    on_crash(restore_and_die);
    ::cfmakeraw(&mode);
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &mode) < 0) return sys_error("cannot set the terminal to raw mode");
    return terminal;
}

RawTerminal& RawTerminal::operator=(RawTerminal&& other) noexcept
{
    leave();
    saved_ = std::exchange(other.saved_, std::nullopt);
    return *this;
}

void RawTerminal::leave()
{
    if (!saved_) return;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &*saved_);
    on_crash(SIG_DFL);
    saved_.reset();
}

// A file that is opened again begins anew: its offset and O_APPEND belong to the description that the shell shares with others.
Result<Fd> open_own(int fd, int access_mode)
{
    struct stat status{};
    if (::isatty(fd) != 1 && (::fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode))) return duplicate(fd);
    auto again = open_file(fmt::format("/proc/self/fd/{}", fd), access_mode | O_NONBLOCK | O_NOCTTY);
    if (again) return again;
    return duplicate(fd);
}

}  // namespace holm::cli
