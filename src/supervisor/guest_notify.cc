#include "supervisor/guest_notify.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace holm::supervisor {

Result<> GuestNotify::listen_to(pid_t leader)
{
    leader_ = leader;
    int on = 1;
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) return sys_error("cannot use the machine's notify socket");
    watch_ = TRY(loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { receive(); }), "notify socket of the machine");
    return {};
}

void GuestNotify::receive()
{
    std::array<char, 4096> buffer;
    iovec part{buffer.data(), buffer.size()};
    // Room for the credentials alone: descriptors that are sent along (FDSTORE=1, BARRIER=1) are closed by the kernel.
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t size = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    cmsghdr* item = size < 0 ? nullptr : CMSG_FIRSTHDR(&header);
    if (!item || item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_CREDENTIALS) return;
    ucred sender;
    memcpy(&sender, CMSG_DATA(item), sizeof sender);
    if (sender.pid != leader_) return;
    auto on_text = on_text_;
    on_text(parse_notify(std::string_view(buffer.data(), static_cast<size_t>(size))));
}

}  // namespace holm::supervisor
