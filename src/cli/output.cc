#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/fd.h"
#include "base/text.h"

namespace holm::cli {

namespace {

std::string environment(const char* name)
{
    const char* value = ::getenv(name);
    return value ? value : "";
}

// What to page with; "" or "cat" for no pager, as systemd's tools have it (less(1) options: systemd(1), $SYSTEMD_LESS).
std::string pager_command()
{
    for (const char* name : {"SYSTEMD_PAGER", "PAGER"})
        if (const char* value = ::getenv(name)) return value == std::string_view("cat") ? "" : value;
    return "less";
}

// $COLUMNS, as systemd's tools have it, else the terminal's; 0 (no limit) where the table goes elsewhere.
size_t table_width()
{
    if (auto columns = parse_number(environment("COLUMNS"), 10000); columns && *columns) return static_cast<size_t>(*columns);
    return is_terminal(STDOUT_FILENO) ? window_size().columns : 0;
}

[[noreturn]] void become_pager(const std::string& command, int text)
{
    ::dup2(text, STDIN_FILENO);
    ::setenv("LESS", "FRSXMK", 0);
    ::setenv("LESSSECURE", "1", 0);  // text of a machine is shown: less must not run what the user did not mean
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
}

}  // namespace

void open_standard_descriptors()
{
    for (const int fd : {0, 1, 2})
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) static_cast<void>(::open("/dev/null", O_RDWR));  // takes the lowest free number: fd
}

Result<> print(std::string_view text)
{
    if (text.empty()) return {};
    return TRY(write_all(STDOUT_FILENO, text), "cannot write to standard output"), Result<>();
}

Result<> print_paged(std::string_view text, const Invocation& call)
{
    const std::string command = pager_command();
    auto lines = static_cast<uint32_t>(std::ranges::count(text, '\n'));
    if (call.has("--no-pager") || command.empty() || !is_terminal(STDOUT_FILENO) || lines < window_size().rows) return print(text);

    Pair pipe = TRY(make_pipe());
    const pid_t pager = ::fork();
    if (pager < 0) return print(text);
    if (pager == 0) become_pager(command, pipe.first.get());
    pipe.first.reset();
    auto before = ::signal(SIGPIPE, SIG_IGN);    // leaving the pager early is no error
    auto interrupt = ::signal(SIGINT, SIG_IGN);  // ^C is the pager's
    static_cast<void>(write_all(pipe.second.get(), text));
    pipe.second.reset();
    int status = 0;
    while (::waitpid(pager, &status, 0) < 0 && errno == EINTR) {}
    ::signal(SIGPIPE, before);
    ::signal(SIGINT, interrupt);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return print(text);  // there is no such pager
    return {};
}

Result<> print_table(const Table& table, const Invocation& call, const std::string& noun)
{
    if (call.json != JsonStyle::Off) return print(describe_json(table, call.json));
    TableStyle style{.legend = !call.has("--no-legend") && !call.has("--quiet"), .noun = noun};
    style.width = call.has("--full") ? 0 : table_width();
    style.colour = colour_wanted(STDOUT_FILENO);
    return print_paged(describe_table(table, style), call);
}

void complain(std::string_view text)
{
    const std::string line = "holmctl: " + std::string(text) + "\n";
    static_cast<void>(write_all(STDERR_FILENO, line));
}

void tell(std::string_view text, const Invocation& call)
{
    if (call.has("--quiet") || !is_terminal(STDERR_FILENO)) return;
    static_cast<void>(write_all(STDERR_FILENO, std::string(text) + "\n"));
}

bool is_terminal(int fd)
{
    return ::isatty(fd) == 1;
}

bool colour_wanted(int fd)
{
    const std::string terminal = environment("TERM");
    return is_terminal(fd) && environment("NO_COLOR").empty() && !terminal.empty() && terminal != "dumb";
}

WindowSize window_size()
{
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) return {};
    return {size.ws_row, size.ws_col};
}

Progress::Progress(std::string what, const Invocation& call)
    : what_(std::move(what)), wanted_(is_terminal(STDERR_FILENO) && !call.has("--quiet"))
{
}

Progress::~Progress()
{
    clear();
}

void Progress::clear()
{
    if (std::exchange(shown_, false)) static_cast<void>(write_all(STDERR_FILENO, "\r\x1b[K"));
}

void Progress::show(unsigned seconds)
{
    show(fmt::format("{} s", seconds));
}

void Progress::show(std::string_view state)
{
    if (!wanted_) return;
    static_cast<void>(write_all(STDERR_FILENO, fmt::format("\r\x1b[K{} … {}", what_, state)));
    shown_ = true;
}

}  // namespace holm::cli
