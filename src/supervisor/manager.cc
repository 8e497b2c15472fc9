#include "supervisor/manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "base/fd.h"
#include "base/text.h"

namespace holm::supervisor {

void Manager::tell(std::string_view assignments) const
{
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
    memcpy(address.sun_path, socket_.data(), socket_.size());
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    // An abstract name ends with its length, a path with its NUL.
    size_t length = offsetof(sockaddr_un, sun_path) + socket_.size() + (address.sun_path[0] ? 1 : 0);
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return;
    ::sendto(socket.get(), assignments.data(), assignments.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(length));
}

void Manager::tell_status(std::string_view status) const
{
    tell(fmt::format("STATUS={}", printable(status, 512)));
}

void Manager::extend_timeout(std::chrono::microseconds duration) const
{
    constexpr std::chrono::microseconds after = std::chrono::seconds(20);  // draining and the end of the unit
    tell(fmt::format("EXTEND_TIMEOUT_USEC={}", (duration + after).count()));
}

}  // namespace holm::supervisor
