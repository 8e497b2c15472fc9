// Machined: registration with systemd-machined (org.freedesktop.machine1(5)), where it is installed. Effects: bus calls.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "systemd/bus.h"

namespace holm::systemd {

struct Registration {
    std::string name;
    std::string uuid;  // 32 hex digits
    uint32_t leader = 0;
    std::string root_directory;
};

// Whether the name is free for a machine of ours, by the files that machined keeps of those it knows (as sd_machine_get_class(3)
// reads them): no call, so it may stand before every start. Errors: Busy, with the program whose machine has the name and lives.
Result<> check_owner(const std::string& name, const std::string& folder = "/run/systemd/machines");

class Machined {
public:
    explicit Machined(Bus& bus) : bus_(bus) {}

    // Registers the machine; a leader of an earlier boot is taken out first, since machined would keep it for ever. A failure is
    // logged: a machine runs as well without. No machined on the host is no failure. Another program's machine is left alone.
    void register_machine(const Registration& registration);
    void unregister_machine(const std::string& name);

private:
    void send_registration(const Registration& registration);
    Bus& bus_;
    std::map<std::string, Pending> pending_;  // by machine: the latest call
};

}  // namespace holm::systemd
