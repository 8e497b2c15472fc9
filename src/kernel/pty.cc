#include "kernel/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace holm::kernel {

Result<Terminal> open_terminal(Fd ptmx)
{
    int locked = 0;
    if (::ioctl(ptmx.get(), TIOCSPTLCK, &locked)) return sys_error("cannot unlock a terminal");
    Fd slave(::ioctl(ptmx.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave) return sys_error("cannot open a terminal");
    return Terminal{std::move(ptmx), std::move(slave)};
}

Result<> set_window_size(int terminal, uint16_t rows, uint16_t columns)
{
    winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (::ioctl(terminal, TIOCSWINSZ, &size)) return sys_error("cannot set the size of a terminal");
    return {};
}

Result<> start_session(int terminal)
{
    if (::setsid() < 0 && errno != EPERM) return sys_error("cannot start a session");  // EPERM: it leads one already
    if (terminal >= 0 && ::ioctl(terminal, TIOCSCTTY, 0)) return sys_error("cannot take the terminal");
    return {};
}

}  // namespace holm::kernel
