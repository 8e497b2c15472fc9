#include "process.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ostream>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"

namespace holm::test {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const char* what)
{
    perror(what);
    abort();
}

struct Ends {
    Fd read, write;
};

Ends open_pipe()
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) give_up("pipe2");
    return {Fd(fds[0]), Fd(fds[1])};
}

Fd open_master(const Start& start)
{
    Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master || grantpt(master.get()) != 0 || unlockpt(master.get()) != 0) give_up("posix_openpt");
    winsize size{.ws_row = start.rows, .ws_col = start.columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(master.get(), TIOCSWINSZ, &size);
    return master;
}

void become(std::vector<std::string>& argv, const Start& start)
{
    for (const std::string& setting : start.environment) putenv(strdup(setting.c_str()));
    std::vector<char*> pointers;
    for (std::string& argument : argv) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    execvp(pointers[0], pointers.data());
    fprintf(stderr, "%s: %s\n", pointers[0], strerror(errno));
    _exit(127);
}

void never_block(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Takes what is there; closes `fd` at end of file (EIO: the last slave of a terminal was closed). Returns whether bytes came.
bool drain(Fd& fd, std::string& into)
{
    char buffer[1 << 16];
    bool came = false;
    while (fd) {
        ssize_t size = read(fd.get(), buffer, sizeof buffer);
        if (size > 0) {
            into.append(buffer, static_cast<size_t>(size));
            came = true;
            continue;
        }
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) break;
        fd.reset();
    }
    return came;
}

std::string shortened(const std::string& text)
{
    constexpr size_t limit = 4000;
    if (text.size() <= limit) return printable(text, limit * 4);
    return fmt::format("{}… ({} bytes)", printable(text.substr(0, limit), limit * 4), text.size());
}

}  // namespace

void PrintTo(const Outcome& outcome, std::ostream* stream)
{
    *stream << fmt::format("code {}\n  out: {}\n  err: {}", outcome.code, shortened(outcome.out), shortened(outcome.err));
}

Process::Process(std::vector<std::string> argv, Start start) : terminal_(start.stdio == Stdio::Terminal)
{
    spawn(argv, start);
    pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) give_up("pidfd_open");
    for (const Fd* fd : {&in_, &out_, &err_})
        if (*fd) never_block(fd->get());
}

void Process::spawn(std::vector<std::string>& argv, const Start& start)
{
    fflush(nullptr);
    if (terminal_) {
        out_ = open_master(start);
        std::string slave = ptsname(out_.get());
        pid_ = fork();
        if (pid_ == 0) {
            setsid();
            int fd = open(slave.c_str(), O_RDWR);
            ioctl(fd, TIOCSCTTY, 0);
            for (int target : {0, 1, 2}) dup2(fd, target);
            if (fd > 2) close(fd);
            become(argv, start);
        }
    } else {
        Ends in = open_pipe(), out = open_pipe(), err = open_pipe();
        pid_ = fork();
        if (pid_ == 0) {
            dup2(in.read.get(), 0);
            dup2(out.write.get(), 1);
            dup2(err.write.get(), 2);
            become(argv, start);
        }
        in_ = std::move(in.write), out_ = std::move(out.read), err_ = std::move(err.read);
    }
    if (pid_ < 0) give_up("fork");
}

Process::~Process()
{
    if (reaped_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void Process::write(std::string_view bytes)
{
    queue_.append(bytes);
}

void Process::close_input()
{
    end_input_ = true;
}

void Process::resize(unsigned short rows, unsigned short columns)
{
    winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(out_.get(), TIOCSWINSZ, &size);
}

void Process::signal(int number)
{
    if (!reaped_) syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

void Process::feed()
{
    Fd& to = terminal_ ? out_ : in_;
    while (to && sent_ < queue_.size()) {
        ssize_t size = ::write(to.get(), queue_.data() + sent_, std::min<size_t>(queue_.size() - sent_, 1 << 16));
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return;
        if (size < 0) {  // the reader is gone
            sent_ = queue_.size();
            break;
        }
        sent_ += static_cast<size_t>(size);
    }
    if (end_input_ && !terminal_ && sent_ == queue_.size()) in_.reset();
}

void Process::reap()
{
    int status = 0;
    if (reaped_ || waitpid(pid_, &status, WNOHANG) != pid_) return;
    reaped_ = true;
    outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Process::ended()
{
    reap();
    return reaped_;
}

// One round of poll(2). Returns whether bytes came or the program ended.
bool Process::pump(milliseconds timeout)
{
    feed();
    bool waiting = sent_ < queue_.size();
    pollfd fds[] = {
        {.fd = out_ ? out_.get() : -1, .events = static_cast<short>(POLLIN | (waiting && terminal_ ? POLLOUT : 0)), .revents = 0},
        {.fd = err_ ? err_.get() : -1, .events = POLLIN, .revents = 0},
        {.fd = waiting && in_ ? in_.get() : -1, .events = POLLOUT, .revents = 0},
        {.fd = reaped_ ? -1 : pidfd_.get(), .events = POLLIN, .revents = 0},
    };
    poll(fds, std::size(fds), static_cast<int>(timeout.count()));
    bool came = drain(out_, outcome_.out);
    came |= drain(err_, outcome_.err);
    if (fds[3].revents != 0) reap();
    return came || fds[3].revents != 0;
}

bool Process::expect(std::string_view text, milliseconds timeout)
{
    auto deadline = Clock::now() + timeout;
    for (;;) {
        if (size_t at = outcome_.out.find(text, expected_); at != std::string::npos) {
            expected_ = at + text.size();
            return true;
        }
        if (Clock::now() > deadline || !out_) return false;
        pump(50ms);
    }
}

bool Process::expect_bytes(size_t size, milliseconds timeout)
{
    auto deadline = Clock::now() + timeout;
    while (outcome_.out.size() < size && out_ && Clock::now() < deadline) pump(50ms);
    return outcome_.out.size() >= size;
}

Outcome Process::wait(milliseconds timeout)
{
    close_input();
    auto deadline = Clock::now() + timeout;
    while (!reaped_ && Clock::now() < deadline) pump(50ms);
    if (!reaped_) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        reaped_ = true;
        outcome_.err += fmt::format("[still running after {} ms]", timeout.count());
    }
    // What a grandchild that holds the pipe has to say after the end is not waited for.
    deadline = std::max(deadline, Clock::now() + 1s);
    while ((out_ || err_) && Clock::now() < deadline && pump(200ms)) {}
    return outcome_;
}

Outcome run(std::vector<std::string> argv, std::string_view input, milliseconds timeout)
{
    Process process(std::move(argv));
    process.write(input);
    return process.wait(timeout);
}

Outcome sh(const std::string& script, milliseconds timeout)
{
    return run({"bash", "-o", "pipefail", "-c", script}, {}, timeout);
}

Outcome holmctl(std::vector<std::string> arguments, std::string_view input, milliseconds timeout)
{
    arguments.insert(arguments.begin(), "holmctl");
    return run(std::move(arguments), input, timeout);
}

void sleep_for(milliseconds time)
{
    usleep(static_cast<useconds_t>(time.count() * 1000));
}

}  // namespace holm::test
