#include "daemon/inside.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/process_facts.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "machine/os_release.h"

namespace holm::daemon {

namespace {

constexpr size_t max_os_release = 64 << 10;

// The machine's PID 1 by descriptor. A pid that has come to be another's is found out: that one is in another cgroup.
struct Leader {
    pid_t pid = 0;
    std::string control_group;

    Result<Fd> open() const
    {
        Fd process = TRY(kernel::open_process(pid));
        const std::string cgroup = TRY(cgroup_of(pid));
        if (control_group.empty() || !cgroup.starts_with(control_group + "/")) return error(Errc::Busy, "its payload has just ended");
        return process;
    }
};

Leader leader_of(const MachineEntry& machine)
{
    return {machine.told.leader, machine.control_group};
}

Result<kernel::Message> read_os_release(const Leader& leader)
{
    Fd process = TRY(leader.open());
    Fd root = TRY(open_file(fmt::format("/proc/{}/root", leader.pid), O_PATH | O_DIRECTORY), "root of the machine");
    Result<std::string> text = error(Errc::NotFound, "the machine has no os-release");
    for (const char* path : {"/etc/os-release", "/usr/lib/os-release"})
        if (!text) text = kernel::read_in_root(root.get(), path, max_os_release);
    if (!text) return text.error();
    std::ranges::replace(*text, '\0', ' ');
    return std::move(kernel::Message("ok").add("text", *text));
}

// Joins as the machine's root, so that the new terminal is root's there, and whatever its tree makes of /dev/pts is seen with no more
// than the machine's own privileges.
Result<> join(const Leader& leader, bool has_user_namespace)
{
    Fd process = TRY(leader.open());
    if (::prctl(PR_SET_DUMPABLE, 0)) return sys_error("cannot become untraceable");
    if (::setns(process.get(), CLONE_NEWNS | (has_user_namespace ? CLONE_NEWUSER : 0))) return sys_error("cannot join the machine");
    if (::setgroups(0, nullptr) || ::setresgid(0, 0, 0) || ::setresuid(0, 0, 0)) return sys_error("cannot become root of the machine");
    return {};
}

Result<kernel::Message> open_terminal(const Leader& leader, bool has_user_namespace)
{
    TRY(join(leader, has_user_namespace));
    Fd master = TRY(open_file("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
    struct statfs system;
    if (::fstatfs(master.get(), &system) || system.f_type != DEVPTS_SUPER_MAGIC)
        return error(Errc::Failed, "the machine's /dev/pts is no devpts");
    int unlocked = 0;
    unsigned number = 0;
    if (::ioctl(master.get(), TIOCSPTLCK, &unlocked) || ::ioctl(master.get(), TIOCGPTN, &number))
        return sys_error("cannot make a terminal");
    if (::fcntl(master.get(), F_SETFL, O_RDWR)) return sys_error("cannot set up a terminal");
    kernel::Message answer("ok");
    answer.add("path", fmt::format("/dev/pts/{}", number));
    answer.fds.push_back(std::move(master));
    return answer;
}

}  // namespace

std::unique_ptr<Worker> start_reading_os_release(systemd::Loop& loop, const MachineEntry& machine, OsReleaseRead done)
{
    auto job = [leader = leader_of(machine)](const Worker::LookingAt&) { return read_os_release(leader); };
    auto finished = [done = std::move(done)](Result<kernel::Message> answer) mutable {
        if (!answer) return done(answer.error());
        done(machine::parse_os_release(answer->get("text")));
    };
    return Worker::start(loop, fmt::format("reading os-release of machine '{}'", machine.name.text()), inside_deadline, job,
                         std::move(finished));
}

std::unique_ptr<Worker> start_opening_terminal(systemd::Loop& loop, const MachineEntry& machine, TerminalOpened done)
{
    const bool has_user_namespace = !machine.plan || machine.plan->rootfs.ids.has_namespace();
    auto job = [leader = leader_of(machine), has_user_namespace](const Worker::LookingAt&) {
        return open_terminal(leader, has_user_namespace);
    };
    auto finished = [done = std::move(done)](Result<kernel::Message> answer) mutable {
        if (!answer) return done(answer.error());
        if (answer->fds.size() != 1) return done(error(Errc::Failed, "no terminal was made"));
        done(GuestTerminal{std::move(answer->fds.front()), std::string(answer->get("path"))});
    };
    return Worker::start(loop, fmt::format("opening a terminal of machine '{}'", machine.name.text()), inside_deadline, job,
                         std::move(finished));
}

}  // namespace holm::daemon
