#include "setup/console.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

#include "kernel/mount.h"
#include "kernel/path.h"

namespace holm::setup {

namespace {

using kernel::Links;

Result<Fd> open_and_send(Fd ptmx, WindowSize size, Status& status)
{
    kernel::Terminal terminal = TRY(kernel::open_terminal(std::move(ptmx)));
    if (size.rows && size.columns) TRY(kernel::set_window_size(terminal.master.get(), size.rows, size.columns));
    TRY(status.send(kernel::Message("terminal"), {terminal.master.get()}));
    return std::move(terminal.slave);
}

}  // namespace

Result<Fd> make_console(int devpts, int root, Status& status)
{
    Fd ptmx = TRY(open_at(devpts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW));
    Fd slave = TRY(open_and_send(std::move(ptmx), {}, status));
    Fd bind = TRY(kernel::clone_mount(slave.get(), kernel::Subtree::Alone), "'/dev/console'");
    Fd target = TRY(kernel::open_in_root(root, "dev/console", O_PATH, Links::Refuse));
    TRY(kernel::attach_mount(bind.get(), target.get()), "'/dev/console'");
    return slave;
}

Result<Fd> make_exec_terminal(int root, WindowSize size, Status& status)
{
    Fd ptmx = TRY(kernel::open_in_root(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, Links::Refuse));
    if (TRY(kernel::file_system_magic(ptmx.get())) != DEVPTS_SUPER_MAGIC)
        return error(Errc::Failed, "'/dev/pts' of the machine is no longer a devpts");
    return open_and_send(std::move(ptmx), size, status);
}

Result<> attach_streams(const Streams& streams, const kernel::User& user)
{
    for (int fd = 0; fd < 3; ++fd) {
        int from = streams.pipes.empty() ? streams.terminal.get() : streams.pipes[static_cast<size_t>(fd)].get();
        if (::dup2(from, fd) < 0) return sys_error("cannot attach a standard descriptor");
    }
    // So that its own /dev/stdout and /dev/tty can be opened again; the group stays "tty", the devpts' own.
    if (streams.pipes.empty() && ::fchown(0, user.uid, static_cast<gid_t>(-1)))
        return sys_error("cannot give the terminal to user {}", user.uid);
    return {};
}

}  // namespace holm::setup
