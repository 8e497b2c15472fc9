#include "rootfs/apply_kernel_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <tuple>

#include "base/text.h"
#include "kernel/message.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/path.h"

namespace holm::rootfs {

namespace {

using kernel::Links;
using kernel::Message;

constexpr int deadline = 10'000;  // milliseconds: the two are mounted in one
constexpr pid_t lent_pid = 2;     // of the mounter, in the machine: that of the first process that the machine makes

Result<Fd> make_kernel_mount(const char* type)
{
    return kernel::make_mount({.type = type, .options = {}, .attributes = kernel::no_suid_dev_exec});
}

Result<> write_sysctl(int proc, const kernel::Sysctl& sysctl)
{
    Fd file = TRY(kernel::open_in_root(proc, "sys/" + sysctl.path, O_WRONLY, Links::Refuse));
    if (::write(file.get(), sysctl.value.data(), sysctl.value.size()) < 0) return sys_error("cannot write it");
    return {};
}

// "net/ipv4/ip_forward" as a definition has it.
std::string describe_name(std::string path)
{
    for (char& c : path)
        if (c == '/') c = '.';
        else if (c == '.') c = '/';  // of an interface's name
    return path;
}

// On a /proc of the machine's that nothing covers yet. Which of the two may write a parameter of IPC depends on the kernel's version: the
// host's root, or that of the namespace (6.4, mq_permissions() of ipc/mq_sysctl.c).
Result<> set_sysctls(int proc, const KernelMounter::Task& task)
{
    for (const kernel::Sysctl& sysctl : task.sysctls) {
        auto written = write_sysctl(proc, sysctl);
        if (!written && written.error().sys_errno == EACCES && !::seteuid(task.root_id)) {
            written = write_sysctl(proc, sysctl);
            if (::seteuid(0)) return sys_error("cannot become root again");
        }
        if (!written)
            return errno_error(written.error().sys_errno, "cannot set the kernel parameter '{}' to '{}'", describe_name(sysctl.path),
                               printable(sysctl.value));
    }
    return {};
}

// procfs is that of its mounter's pid namespace, and belongs to the user namespace which owns it; sysfs the same by the network's.
Result<Message> mount_all(const KernelMounter::Task& task)
{
    Message made("mounts");
    const int pairs = task.uncovered ? 2 : 1;
    for (int i = 0; i < pairs; ++i) made.fds.push_back(TRY(make_kernel_mount("proc")));
    if (!task.sysctls.empty()) TRY(kernel::join_namespaces(task.leader, CLONE_NEWIPC | CLONE_NEWUTS));
    if (task.sysfs == Sysfs::Own) TRY(kernel::join_namespaces(task.leader, CLONE_NEWNET));
    TRY(set_sysctls(made.fds[0].get(), task));
    for (int i = 0; i < pairs && task.sysfs == Sysfs::Own; ++i) made.fds.push_back(TRY(make_kernel_mount("sysfs")));
    return made;
}

[[noreturn]] void answer_and_exit(int socket, const KernelMounter::Task& task)
{
    auto made = mount_all(task);
    const Message answer = made ? std::move(*made) : kernel::error_message(made.error());
    ::_exit(kernel::send_message(socket, answer) ? 0 : 1);
}

Result<Fd> bind_host_sysfs()
{
    Fd host = TRY(open_file("/sys", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    Fd bind = TRY(kernel::clone_mount(host.get(), kernel::Subtree::Alone));
    TRY(kernel::change_mount(bind.get(), {.attributes = kernel::no_suid_dev_exec, .make_private = true}));
    return bind;
}

Result<> attach_at(int root, const char* name, int mount)
{
    Fd folder = TRY(kernel::open_in_root(root, name, O_PATH | O_DIRECTORY, Links::Refuse));
    return kernel::attach_mount(mount, folder.get());
}

}  // namespace

Result<KernelMounter> KernelMounter::start(const Task& task)
{
    Pair sockets = TRY(make_socket_pair());
    TRY(kernel::join_namespaces(task.leader, CLONE_NEWPID));  // of children, not of this process
    kernel::Child child = TRY(kernel::clone_process(0, -1, lent_pid), "cannot make the process that mounts '/proc'");
    if (child.pid == 0) answer_and_exit(sockets.second.get(), task);
    return KernelMounter(std::move(child), std::move(sockets.first), task);
}

KernelMounter::~KernelMounter()
{
    if (!child_.pidfd) return;
    std::ignore = kernel::signal_process(child_.pidfd.get(), SIGKILL);
    std::ignore = kernel::wait_exit(child_.pidfd.get());
}

Result<KernelMounts> KernelMounter::attach(int root, int second) const
{
    Message made = TRY(kernel::receive_message(answer_.get(), deadline), "'/proc' and '/sys'");
    if (made.kind == "error") return kernel::error_of(made);
    const size_t pairs = uncovered_ ? 2 : 1;
    if (made.fds.size() != pairs * (sysfs_ == Sysfs::Own ? 2 : 1)) return error(Errc::Failed, "'/proc' and '/sys' were not both mounted");
    KernelMounts mounts{.proc = std::move(made.fds[0]), .sys = {}};
    if (sysfs_ == Sysfs::Own) mounts.sys = std::move(made.fds[pairs]);
    else mounts.sys = TRY(bind_host_sysfs(), "'/sys'");
    if (uncovered_) TRY(attach_at(second, "proc", made.fds[1].get()), "second '/proc'");
    if (uncovered_ && sysfs_ == Sysfs::Own) TRY(attach_at(second, "sys", made.fds[3].get()), "second '/sys'");
    TRY(attach_at(root, "proc", mounts.proc.get()), "'/proc'");
    TRY(attach_at(root, "sys", mounts.sys.get()), "'/sys'");
    return mounts;
}

}  // namespace holm::rootfs
