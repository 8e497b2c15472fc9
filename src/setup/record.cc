#include "setup/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <set>

#include "base/handle.h"
#include "base/text.h"
#include "kernel/message.h"
#include "kernel/process.h"
#include "security/capability_set.h"

namespace holm::setup {

namespace {

using kernel::Message;

constexpr size_t max_processes = 65536;  // watched at once when it begins
constexpr unsigned max_depth = 64;       // of cgroups in each other
constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

#if defined(__x86_64__)
constexpr uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t native = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr uint32_t native = AUDIT_ARCH_RISCV64;
#else
constexpr uint32_t native = 0;
#endif
constexpr uint64_t highest_call = 1023;  // a kernel has some 470: what is beyond is no call

volatile sig_atomic_t time_is_up = 0;

struct Tally {
    std::map<uint64_t, uint64_t> calls;  // number -> how often
    std::set<uint64_t> refused;          // answered EPERM
    std::set<uint64_t> granted;          // answered otherwise
    std::map<pid_t, uint64_t> entered;   // of a thread, the call that it is in
    uint64_t foreign = 0, processes = 0;
    bool counts = false;  // from the first execve of a command on
};

// Of a thread that is gone, or killed meanwhile, these fail, and its end is told by wait(2).
void resume(pid_t thread, bool calls, int signal = 0)
{
    ::ptrace(calls ? PTRACE_SYSCALL : PTRACE_CONT, thread, nullptr, static_cast<intptr_t>(signal));
}

void count_call(Tally& tally, pid_t thread)
{
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        const auto call = tally.entered.find(thread);
        if (call == tally.entered.end()) return;
        const bool refused = info.exit.is_error && info.exit.rval == -EPERM;
        (refused ? tally.refused : tally.granted).insert(call->second);
        return;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY && info.op != PTRACE_SYSCALL_INFO_SECCOMP) return;
    if (info.arch != native || info.entry.nr > highest_call) {
        ++tally.foreign;
        return;
    }
    ++tally.calls[info.entry.nr];
    tally.entered[thread] = info.entry.nr;
}

bool stops(int signal)
{
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

// What wait(2) has told of one thread (ptrace(2), "Stopped states").
void handle_stop(Tally& tally, pid_t thread, int status)
{
    const int signal = WSTOPSIG(status), event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) {
        count_call(tally, thread);
        return resume(thread, true);
    }
    switch (event) {
    case 0: return resume(thread, tally.counts, signal);
    case PTRACE_EVENT_STOP:
        if (stops(signal)) ::ptrace(PTRACE_LISTEN, thread, nullptr, nullptr);
        else resume(thread, tally.counts);
        return;
    case PTRACE_EVENT_EXEC:
        if (!tally.counts) ++tally.calls[SYS_execve], ++tally.processes;
        tally.counts = true;
        break;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
        if (tally.counts) ++tally.processes;
        break;
    default: break;
    }
    resume(thread, tally.counts);
}

// Again and again: a signal that comes between the look at the flag and the wait must not be the last.
void end_after(std::chrono::microseconds time)
{
    struct sigaction action{};
    action.sa_handler = [](int) { time_is_up = 1; };
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval timer{.it_interval = {0, 100'000}, .it_value = {time.count() / 1'000'000, time.count() % 1'000'000 + 1}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

// Until nothing is left to watch, or the time is up: then what is watched goes on by itself when this process ends. What a command leaves
// behind is watched for a second more.
void follow(Tally& tally, pid_t command)
{
    while (!time_is_up) {
        int status = 0;
        const pid_t thread = ::waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR) continue;
        if (thread < 0) return;
        if (WIFSTOPPED(status)) handle_stop(tally, thread, status);
        else {
            tally.entered.erase(thread);
            if (thread == command) end_after(std::chrono::seconds(1));
        }
    }
}

Result<> write_report(const Tally& tally, const Recording& recording)
{
    std::string text = fmt::format("processes {}\nforeign {}\n", tally.processes, tally.foreign);
    for (const std::string& name : security::describe_capabilities(recording.capabilities)) text += fmt::format("capability {}\n", name);
    // What was never granted is not needed: a profile that allows it would give more than there was.
    for (const auto& [number, count] : tally.calls)
        if (tally.granted.contains(number) || !tally.refused.contains(number)) text += fmt::format("call {} {}\n", number, count);
    for (const uint64_t number : tally.refused) text += fmt::format("refused {}\n", number);
    return write_all(recording.report.get(), text);
}

Result<> seize(pid_t thread)
{
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, options) == 0) return {};
    if (errno == EPERM)
        return error(Errc::Denied, "cannot watch process {}: a debugger has it, or this host forbids it (kernel.yama.ptrace_scope)",
                     thread);
    return sys_error("cannot watch process {}", thread);
}

// In the process of its own.
[[noreturn]] void record_command(int channel, const Recording& recording)
{
    std::ignore = kernel::close_descriptors_but({channel, recording.report.get()});
    ::prctl(PR_SET_NAME, "holm-record");
    auto asked = kernel::receive_message(channel, 30'000);
    if (!asked) ::_exit(1);
    const auto command = static_cast<pid_t>(asked->get_number("pid").value_or(0));
    auto seized = seize(command);
    if (!seized) {
        std::ignore = kernel::send_message(channel, kernel::error_message(seized.error()));
        ::_exit(1);
    }
    std::ignore = kernel::send_message(channel, Message("watched"));
    ::close(channel);
    Tally tally;
    follow(tally, command);
    ::_exit(write_report(tally, recording) ? 0 : 1);
}

// ── what runs already ───────────────────────────────────────────────────────────────────────────────────────────────────────

// But those of the cgroup with the inode `except`.
Result<> collect_processes(int cgroup, unsigned depth, ino_t except, std::set<pid_t>& found)
{
    struct stat status;
    if (::fstat(cgroup, &status)) return sys_error("cannot look at a cgroup");
    if (status.st_ino == except) return {};
    Fd list = TRY(open_at(cgroup, "cgroup.procs", O_RDONLY));
    const std::string text = TRY(read_all(list.get(), 4 << 20));
    for (std::string_view line : split(text, '\n'))
        if (auto pid = parse_number(line); pid && *pid > 0 && found.size() < max_processes) found.insert(static_cast<pid_t>(*pid));
    Fd own = TRY(open_at(cgroup, ".", O_RDONLY | O_DIRECTORY));
    Handle<DIR, closedir> entries(fdopendir(own.get()));
    if (!entries) return sys_error("cannot list a cgroup");
    own.release();
    while (const dirent* entry = readdir(entries.get())) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || depth == 0) continue;
        // One that is gone meanwhile has no processes.
        if (auto below = open_at(cgroup, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
            std::ignore = collect_processes(below->get(), depth - 1, except, found);
    }
    return {};
}

// All threads of a process; one that ends meanwhile is nothing to watch.
void seize_threads(pid_t process, std::set<pid_t>& seized, std::optional<Error>& refused)
{
    Handle<DIR, closedir> threads(opendir(fmt::format("/proc/{}/task", process).c_str()));
    while (const dirent* entry = threads ? readdir(threads.get()) : nullptr) {
        auto thread = parse_number(entry->d_name);
        if (!thread || seized.contains(static_cast<pid_t>(*thread))) continue;
        auto done = seize(static_cast<pid_t>(*thread));
        if (done) {
            seized.insert(static_cast<pid_t>(*thread));
            ::ptrace(PTRACE_INTERRUPT, static_cast<pid_t>(*thread), nullptr, nullptr);
        } else if (done.error().code == Errc::Denied) refused = done.error();
    }
}

}  // namespace

Result<CommandRecorder> CommandRecorder::start(Recording recording)
{
    Pair channel = TRY(make_socket_pair());
    kernel::Child child = TRY(kernel::clone_process(0), "cannot make the process that records");
    if (child.pid == 0) record_command(channel.second.get(), recording);
    return CommandRecorder(std::move(channel.first));
}

Result<> CommandRecorder::watch(pid_t command)
{
    TRY(kernel::send_message(channel_.get(), Message("watch").add("pid", int64_t{command})));
    Message answer = TRY(kernel::receive_message(channel_.get(), 10'000), "the process that records");
    if (answer.kind == "error") return kernel::error_of(answer);
    return {};
}

Result<> record_cgroup(int cgroup, int own, std::chrono::microseconds time, const Recording& recording)
{
    struct stat status;
    if (::fstat(own, &status)) return sys_error("cannot look at a cgroup");
    std::set<pid_t> seized, found;
    std::optional<Error> refused;
    // What a process makes before it is watched is in the cgroup at the next look.
    for (size_t before = 1; before != seized.size();) {
        before = seized.size();
        TRY(collect_processes(cgroup, max_depth, status.st_ino, found));
        for (const pid_t process : found) seize_threads(process, seized, refused);
    }
    if (seized.empty() && refused) return *refused;
    Tally tally;
    tally.counts = true, tally.processes = found.size();
    end_after(time);
    follow(tally, 0);
    return write_report(tally, recording);
}

}  // namespace holm::setup
