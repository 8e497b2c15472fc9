// Plan: everything that is decided before the first namespace of a machine exists. The contract between holmd, which makes
// it, and the supervisor and holm-setup, which carry it out; plan_file turns it into TOML and back, describe into text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "machine/name.h"
#include "machine/spec.h"
#include "machine/unit_property.h"
#include "network/plan.h"
#include "rootfs/plan.h"
#include "security/plan.h"

namespace holm::launch {

using UnitProperty = machine::UnitProperty;

enum class UnitKind { Scope, Service };

struct Unit {
    UnitKind kind = UnitKind::Scope;
    std::string name;   // "holm-web.scope" or "holm@web.service"
    std::string slice;  // "machine.slice"
    std::string description;
    std::vector<UnitProperty> properties;  // of both kinds, from [resources] and the defaults: always the whole list
    bool operator==(const Unit&) const = default;
};

enum class InitKind { Command, Systemd, OpenRc, Sysv, Busybox, Runit, S6, Other };

// What is asked of a machine from time to time: a command inside that ends with 0, or a TCP port inside that listens.
struct Check {
    std::vector<std::string> command;  // argv, run as root
    uint16_t port = 0;                 // 0: the command
    std::string what;                  // "unit 'nginx.service'": for sentences
    bool operator==(const Check&) const = default;
};

struct Health {
    Check check;
    std::chrono::microseconds interval{0}, timeout{0};
    unsigned retries = 0;
    machine::OnUnhealthy on_failure = machine::OnUnhealthy::None;
    bool operator==(const Health&) const = default;
};

struct Payload {
    InitKind init_kind = InitKind::Command;
    bool boot = false;
    bool stub = false;  // `init = true`: a small PID 1 that reaps and forwards signals, command as PID 2
    // argv; for boot: the init and its arguments. The first is an absolute path inside, unless a mount may cover it: then as it was
    // asked for, and looked up inside as execvpe(3) would, with PATH of `environment`.
    std::vector<std::string> command;
    std::string user = "root";  // "name", "uid", "user:group": resolved in the machine's /etc/passwd, inside
    std::string working_directory = "/";
    bool makes_working_directory = false;                          // where the root has none
    std::vector<std::pair<std::string, std::string>> environment;  // whole: PATH, TERM, container, … HOME, USER, LOGNAME where
                                                                   // user is root; else inside, where it is known, if not set here
    std::string hostname;
    int stop_signal = 0;
    std::chrono::microseconds start_timeout{0}, stop_timeout{0};
    bool ready_by_notify = false;      // running at READY=1 of PID 1; else at exec,
    std::optional<Check> ready_check;  // or once this holds
    machine::Restart restart = machine::Restart::No;
    std::chrono::microseconds restart_delay{0};
    unsigned restart_limit = 0;  // in 10 minutes; 0: none
    std::optional<Health> health;
    bool operator==(const Payload&) const = default;
};

struct Credential {
    std::string name;
    std::string path;  // on the host; read by holm-setup at each boot of the payload, at most 1 MiB
    bool operator==(const Credential&) const = default;
};

enum class Console {
    Pipes,     // the payload's standard descriptors are the client's own
    Terminal,  // a PTY kept by the supervisor, copied by lines to the journal
};

// What must not be used by two machines at once: a lock file /run/holm/locks/DEV:INO each, held by the supervisor.
struct Plan {
    machine::MachineName name;
    std::string uuid;  // 32 hex digits: container_uuid, machined's id
    Unit unit;
    Console console = Console::Terminal;
    bool remove_at_end = false;  // --rm
    std::string state;           // "/var/lib/holm/machines/web"
    rootfs::Plan rootfs;
    network::Plan network;
    security::Plan security;
    Payload payload;
    std::vector<Credential> credentials;
    std::vector<std::string> locked_paths;  // upper and its work, or a root that is written in place
    std::vector<std::string> shared_paths;  // layers of an overlay: read by any number of machines, and not to change meanwhile
    // "/run/systemd/nspawn-uid/524288" of a private range: write-locked and kept beside the others, so that nspawn keeps off; created
    // where missing, and unlinked at the end by who holds it. "": none.
    std::string range_lock;
    std::string hold;                   // where the first boot stops and waits to be continued: launch/hold.h; "": nowhere
    std::vector<std::string> warnings;  // said to the client and in the journal
    bool operator==(const Plan&) const = default;
};

}  // namespace holm::launch
