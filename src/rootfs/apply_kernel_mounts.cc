#include "rootfs/apply_kernel_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <tuple>

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

// procfs is that of its mounter's pid namespace, and belongs to the user namespace which owns it; sysfs the same by the network's.
Result<Message> mount_both(int leader, Sysfs sysfs)
{
    Message made("mounts");
    made.fds.push_back(TRY(kernel::make_mount({.type = "proc", .options = {}, .attributes = kernel::no_suid_dev_exec})));
    if (sysfs == Sysfs::Host) return made;
    TRY(kernel::join_namespaces(leader, CLONE_NEWNET));
    made.fds.push_back(TRY(kernel::make_mount({.type = "sysfs", .options = {}, .attributes = kernel::no_suid_dev_exec})));
    return made;
}

[[noreturn]] void answer_and_exit(int socket, int leader, Sysfs sysfs)
{
    auto made = mount_both(leader, sysfs);
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

Result<KernelMounter> KernelMounter::start(int leader, Sysfs sysfs)
{
    Pair sockets = TRY(make_socket_pair());
    TRY(kernel::join_namespaces(leader, CLONE_NEWPID));  // of children, not of this process
    kernel::Child child = TRY(kernel::clone_process(0, -1, lent_pid), "cannot make the process that mounts '/proc'");
    if (child.pid == 0) answer_and_exit(sockets.second.get(), leader, sysfs);
    return KernelMounter(std::move(child), std::move(sockets.first), sysfs);
}

KernelMounter::~KernelMounter()
{
    if (!child_.pidfd) return;
    std::ignore = kernel::signal_process(child_.pidfd.get(), SIGKILL);
    std::ignore = kernel::wait_exit(child_.pidfd.get());
}

Result<KernelMounts> KernelMounter::attach(int root) const
{
    Message made = TRY(kernel::receive_message(answer_.get(), deadline), "'/proc' and '/sys'");
    if (made.kind == "error") return kernel::error_of(made);
    if (made.fds.size() != (sysfs_ == Sysfs::Own ? 2 : 1)) return error(Errc::Failed, "'/proc' and '/sys' were not both mounted");
    KernelMounts mounts{.proc = std::move(made.fds[0]), .sys = {}};
    if (sysfs_ == Sysfs::Own) mounts.sys = std::move(made.fds[1]);
    else mounts.sys = TRY(bind_host_sysfs(), "'/sys'");
    TRY(attach_at(root, "proc", mounts.proc.get()), "'/proc'");
    TRY(attach_at(root, "sys", mounts.sys.get()), "'/sys'");
    return mounts;
}

}  // namespace holm::rootfs
