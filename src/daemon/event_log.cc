#include "daemon/event_log.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/journal_entry.h"
#include "base/log.h"

namespace holm::daemon {

namespace {
constexpr sockaddr_un journald{AF_UNIX, "/run/systemd/journal/socket"};
}

EventLog::EventLog() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

void EventLog::write(api::MachineEvent event, const machine::MachineName& machine, const std::string& unit, const std::string& message)
{
    if (!socket_) return;
    const LogLevel level = event == api::MachineEvent::Failed || event == api::MachineEvent::Unhealthy ? LogLevel::Warning : LogLevel::Info;
    const std::string priority = fmt::format("{}", static_cast<int>(level));
    const std::string entry = encode_entry({{"MESSAGE", message},
                                            {"MESSAGE_ID", api::info_of(event).id},
                                            {"PRIORITY", priority},
                                            {"SYSLOG_IDENTIFIER", "holmd"},
                                            {"HOLM_MACHINE", machine.text()},
                                            {"OBJECT_SYSTEMD_UNIT", unit}});
    ::sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&journald), sizeof journald);
}

}  // namespace holm::daemon
