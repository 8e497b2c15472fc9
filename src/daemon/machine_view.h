// MachineView: a machine as clients see it, of what lives and of what its files say. Reads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/catalogue.h"
#include "daemon/lifecycle.h"
#include "systemd/message.h"

namespace holm::daemon {

inline constexpr const char* machine_class = "container";
inline constexpr const char* machine_service = "holm";  // of one in a sandbox "holm-runsc", after its isolation

// Fields as the properties of org.holm1.Machine.
struct MachineView {
    machine::MachineName name;
    std::vector<uint8_t> id;  // 16 bytes, or none
    Times times;
    std::map<std::string, uint64_t> timing;
    std::string unit;  // "" where it has none now and none by definition
    uint32_t leader = 0;
    std::string root;
    std::string service = machine_service;
    machine::State state = machine::State::Stopped;
    bool active = false, frozen = false, started = false;
    uint32_t boots = 0;
    std::string health, held, held_why;
    uint32_t restarts = 0;  // by its policy, in this life; how the boot before the last ended; when the next is, CLOCK_MONOTONIC in µs
    std::string restarted_after;
    uint64_t next_boot = 0;
    uint64_t stop_timeout = 0;  // µs, UINT64_MAX: for ever; 0 of one that does not run
    std::string control_group, description, owner, definition;
    systemd::Labels labels, limits;  // limits: those that systemd has no name for, as the kernel has them
    LastRun last;
    bool has_last = false;
};

// Empty: there is no such machine.
std::optional<MachineView> find_view(const Lifecycle& lifecycle, Catalogue& catalogue, const machine::MachineName& name);
// What the machine publishes, as a definition has it, and the limits of [resources] that are set: of one that runs, now; of another, as it
// is defined.
std::vector<std::string> find_published(const Host& host, const Lifecycle& lifecycle, const machine::MachineName& name);
systemd::Labels find_limits(const Host& host, const Lifecycle& lifecycle, const machine::MachineName& name);
// All that exist, sorted by name.
std::vector<MachineView> list_views(const Lifecycle& lifecycle, Catalogue& catalogue);

}  // namespace holm::daemon
