#include "supervisor/journal.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace holm::supervisor {

namespace {
constexpr sockaddr_un journald{AF_UNIX, "/run/systemd/journal/socket"};
constexpr int socket_buffer = 8 << 20;  // as sd_journal_send(3): bounds what is on its way, is no memory while it is not
}  // namespace

void Journal::open(OwnWords own_words)
{
    to_standard_error_ = own_words == OwnWords::StandardError;
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_) ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &socket_buffer, sizeof socket_buffer);
}

void Journal::console_line(std::string_view line)
{
    if (!socket_) return;
    if (dropped_) tell_dropped();
    if (!send(machine_, LogLevel::Info, line)) ++dropped_;
}

void Journal::log(LogLevel level, std::string_view text)
{
    if (!socket_ || to_standard_error_) return log_line(level, text);
    if (!send("holm-supervisor", level, text)) ++dropped_;
}

void Journal::tell_dropped()
{
    if (!dropped_) return;
    if (send("holm-supervisor", LogLevel::Warning, fmt::format("{} lines were dropped: the journal was not ready for them", dropped_)))
        dropped_ = 0;
}

bool Journal::taken() const
{
    int unread = 0;
    return !socket_ || ::ioctl(socket_.get(), SIOCOUTQ, &unread) || unread == 0;
}

bool Journal::send(std::string_view identifier, LogLevel level, std::string_view text)
{
    std::string priority = fmt::format("{}", static_cast<int>(level));
    std::string entry =
        encode_entry({{"MESSAGE", text}, {"PRIORITY", priority}, {"SYSLOG_IDENTIFIER", identifier}, {"HOLM_MACHINE", machine_}});
    spoke_ = true;
    // To the address each time, not connected: a journald that was started again is found again.
    return ::sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&journald),
                    sizeof journald) >= 0;
}

}  // namespace holm::supervisor
