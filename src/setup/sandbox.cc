#include "setup/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>

#include "base/text.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "kernel/pty.h"
#include "launch/oci_runtime.h"
#include "rootfs/apply_inside.h"
#include "rootfs/apply_layers.h"
#include "setup/stub.h"

namespace holm::setup {

namespace {

constexpr pid_t runtime_pid = 2;  // of the runtime's first process in the machine: commands find its mount namespace by it

launch::OciProcess process_of(const Launch& launch)
{
    return {.arguments = launch.program.empty() ? launch.argv : std::vector<std::string>{launch.program, "-l"},
            .environment = variables_of(launch.environment),
            .working_directory = launch.working_directory,
            .uid = launch.user.uid,
            .gid = launch.user.gid,
            .groups = launch.user.groups,
            .terminal = launch.streams.pipes.empty()};
}

Error run_runtime(int program, const std::vector<std::string>& arguments)
{
    char* none[] = {nullptr};
    ::syscall(SYS_execveat, program, "", pointers_of(arguments).data(), none, AT_EMPTY_PATH);
    return sys_error("cannot execute the runtime '{}'", arguments[0]);
}

struct StandIn {
    const launch::Plan& plan;
    int program;               // of the runtime
    const kernel::Child& run;  // the runtime, which ends as the command does
    pid_t sandbox = 0;         // its process that is the payload's kernel; 0: this stands for a further command
};

// Where the pid in the sandbox of a further command stands, by its runtime's.
std::string pid_file_of(pid_t runtime)
{
    return fmt::format("/exec-{}", runtime);
}

enum class Wait { Yes, No };  // for the file, of a command that has just begun

// By the runtime, in a process of its own. `pid_file`: of a further command; "": the payload.
void have_killed(const StandIn& stand_in, const std::string& pid_file, int signal, Wait wait = Wait::No)
{
    auto helper = kernel::clone_process(0);
    if (!helper) return;
    if (helper->pid != 0) {
        std::ignore = kernel::wait_exit(helper->pidfd.get());
        return;
    }
    kernel::reset_signals();
    if (!kernel::join_namespaces(stand_in.run.pidfd.get(), CLONE_NEWNS)) ::_exit(1);
    std::string pid;
    for (int looks = 0; !pid_file.empty() && pid.empty(); ++looks) {
        pid = read_regular_file(pid_file).value_or("");
        if (pid.empty() && (wait == Wait::No || looks == 100)) ::_exit(1);
        if (pid.empty()) ::usleep(20'000);
    }
    if (signal == SIGKILL) ::unlink(pid_file.c_str());
    std::ignore = run_runtime(stand_in.program, oci_kill(stand_in.plan, signal, pid));
    ::_exit(1);
}

// To the command itself. What a terminal sends is for the group in its foreground, which the sandbox knows: that passes it on.
void pass_on(const StandIn& stand_in, const siginfo_t& info)
{
    if (!stand_in.sandbox) have_killed(stand_in, pid_file_of(stand_in.run.pid), info.si_signo, Wait::Yes);
    else if (info.si_code == SI_KERNEL) ::kill(stand_in.sandbox, info.si_signo);
    else have_killed(stand_in, "", info.si_signo);
}

// The runtime's exit status, once it has ended. An orphan that comes to PID 1 may be the runtime of a further command which somebody has
// killed: then its command is still there.
std::optional<int> reap(const StandIn& stand_in)
{
    std::optional<int> code;
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == stand_in.run.pid) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        else if (stand_in.sandbox) have_killed(stand_in, pid_file_of(pid), SIGKILL);
    return code;
}

[[noreturn]] void stand_for(const StandIn& stand_in)
{
    sigset_t all;
    ::sigfillset(&all);
    for (;;) {
        if (auto code = reap(stand_in)) {
            if (!stand_in.sandbox) ::unlink(pid_file_of(stand_in.run.pid).c_str());
            ::_exit(*code);
        }
        siginfo_t info;
        const int signal = ::sigwaitinfo(&all, &info);
        // SIGCONT comes with every stop of the unit, and is for this process.
        if (signal > 0 && signal != SIGCHLD && signal != SIGCONT) pass_on(stand_in, info);
    }
}

// What this process shares with the runtime is the runtime's alone.
Result<> become_stand_in(int program, const kernel::Child& run)
{
    ::prctl(PR_SET_DUMPABLE, 0);  // this is a program of the host: nobody inside may look at it or write to it
    ::prctl(PR_SET_NAME, "holm-sandbox");
    std::ignore = ::chdir("/");
    Fd nothing = TRY(open_file("/dev/null", O_RDWR));
    for (int fd = 0; fd < 3; ++fd)
        if (::dup2(nothing.get(), fd) < 0) return sys_error("cannot leave the standard descriptors");
    return kernel::close_descriptors_but({program, run.pidfd.get()});
}

Result<> write_config(int root, const std::string& text)
{
    Fd file = TRY(open_at(root, launch::oci_config, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    return write_all(file.get(), text);
}

// Until then a failure is that of the boot. The pid of the sandbox.
Result<pid_t> wait_for_sandbox(const kernel::Child& run, int root)
{
    sigset_t ended;
    ::sigemptyset(&ended);
    ::sigaddset(&ended, SIGCHLD);
    for (;;) {
        auto pid = parse_number(kernel::read_in_root(root, launch::oci_pid, 64).value_or(""), INT32_MAX);
        if (pid && *pid) return static_cast<pid_t>(*pid);
        if (TRY(kernel::poll_exit(run.pidfd.get()))) {
            const std::string log = kernel::read_in_root(root, launch::oci_log, 1 << 20).value_or("");
            return error(Errc::Failed, "the runtime cannot make the sandbox: {}", printable(launch::last_oci_error(log), 1000));
        }
        const timespec interval{.tv_sec = 0, .tv_nsec = 3'000'000};
        ::sigtimedwait(&ended, nullptr, &interval);
    }
}

Result<> run_first(const Sandbox& sandbox)
{
    TRY(rootfs::enter_runtime_root(sandbox.root.get()));
    kernel::reset_signals();
    ::umask(022);
    ::setpgid(0, 0);  // what the terminal sends goes to who stands for the payload
    return run_runtime(sandbox.program.get(), oci_run(sandbox.plan));
}

Result<std::string> write_process(const std::string& text)
{
    const int file = ::memfd_create("process.json", 0);  // goes on over execve(2)
    if (file < 0) return sys_error("cannot make process.json");
    TRY(write_all(file, text));
    return kernel::path_of_descriptor(file);
}

Result<> run_further(const Sandbox& sandbox, const std::string& process, Status& status)
{
    kernel::reset_signals();
    ::umask(022);
    TRY(die_with_supervisor());  // who stands for it
    TRY(kernel::start_session(::isatty(0) ? 0 : -1));
    TRY(status.send(kernel::Message("started")));
    return run_runtime(sandbox.program.get(), oci_exec(sandbox.plan, process, pid_file_of(::getpid())));
}

}  // namespace

Result<> launch_in_sandbox(Launch launch, Sandbox sandbox, Status& status)
{
    status.enter("command");
    TRY(look_for_program(launch));
    status.enter("sandbox");
    const char* tmp = ::faccessat(sandbox.root.get(), rootfs::runtime_tmp, F_OK, 0) ? "" : rootfs::runtime_tmp;
    TRY(write_config(sandbox.root.get(), describe_oci_config(sandbox.plan, process_of(launch), tmp)), "config.json");
    TRY(attach_streams(launch.streams, launch.user));
    launch.streams = {};
    TRY(kernel::close_descriptors_but({status.socket(), sandbox.program.get(), sandbox.root.get()}));
    TRY(die_with_supervisor());
    take_signals();
    TRY(kernel::start_session(::isatty(0) ? 0 : -1));
    const kernel::Child run = TRY(kernel::clone_process(0, -1, runtime_pid), "cannot make the process of the runtime");
    if (run.pid == 0) return run_first(sandbox);
    const pid_t kernel = TRY(wait_for_sandbox(run, sandbox.root.get()));
    TRY(status.send(kernel::Message("started")));
    TRY(become_stand_in(sandbox.program.get(), run));
    stand_for({.plan = sandbox.plan, .program = sandbox.program.get(), .run = run, .sandbox = kernel});
}

Result<> exec_in_sandbox(Launch launch, Sandbox sandbox, Status& status)
{
    status.enter("command");
    TRY(look_for_program(launch));
    status.enter("sandbox");
    TRY(attach_streams(launch.streams, launch.user));
    const std::string text = describe_oci_process(sandbox.plan, process_of(launch));
    launch.streams = {};
    TRY(kernel::close_descriptors_but({status.socket(), sandbox.program.get()}));
    TRY(die_with_supervisor());
    {
        Fd runtime = TRY(kernel::open_process(runtime_pid));
        TRY(kernel::join_namespaces(runtime.get(), CLONE_NEWNS), "mounts of the runtime");
    }
    const std::string process = TRY(write_process(text));
    take_signals();
    const kernel::Child run = TRY(kernel::clone_process(0), "cannot make the process of the runtime");
    if (run.pid == 0) return run_further(sandbox, process, status);
    TRY(become_stand_in(sandbox.program.get(), run));
    stand_for({.plan = sandbox.plan, .program = sandbox.program.get(), .run = run});
}

}  // namespace holm::setup
