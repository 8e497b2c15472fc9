// Event log: events in the life of machines (api/events) for the journal, each under its MESSAGE_ID and with the unit, so that
// journalctl -u has it too. Never waits: what journald does not take at once is lost. Effects: sends datagrams.
#pragma once

#include <string>

#include "api/events.h"
#include "base/fd.h"
#include "machine/name.h"

namespace holm::daemon {

class EventLog {
public:
    EventLog();

    void write(api::MachineEvent event, const machine::MachineName& machine, const std::string& unit, const std::string& message);

private:
    Fd socket_;
};

}  // namespace holm::daemon
