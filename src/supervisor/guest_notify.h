// Guest notify: what the init of the machine says on /run/host/notify. The socket can be reached by every process inside; only the
// payload's PID 1 is listened to, as the kernel names the sender (SCM_CREDENTIALS). Effects: receives.
#pragma once

#include <sys/types.h>

#include <functional>

#include "base/fd.h"
#include "kernel/event.h"
#include "supervisor/notify_text.h"

namespace holm::supervisor {

class GuestNotify {
public:
    GuestNotify(kernel::EventLoop& loop, Fd socket, std::function<void(NotifyText)> on_text)
        : loop_(loop), socket_(std::move(socket)), on_text_(std::move(on_text))
    {
    }
    // From now on this process is listened to. What it said before waits in the socket, as nothing is received before this.
    Result<> listen_to(pid_t leader);

private:
    void receive();
    kernel::EventLoop& loop_;
    Fd socket_;
    std::function<void(NotifyText)> on_text_;
    pid_t leader_ = 0;
    kernel::Watch watch_;
};

}  // namespace holm::supervisor
