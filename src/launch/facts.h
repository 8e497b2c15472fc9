// What planning a machine needs to know of the host: all of it observed before, so that make_plan is pure.
#pragma once

#include <cstdint>
#include <string>

#include "machine/id_range.h"
#include "network/plan.h"
#include "rootfs/facts.h"

namespace holm::launch {

struct HostFacts {
    uint64_t memory = 0;                     // bytes of RAM
    bool unified_cgroup = true;              // cgroup v2 at /sys/fs/cgroup
    bool apparmor = false, selinux = false;  // the kernel has it, and it is on
    std::string os_release;                  // content of /etc/os-release
    std::string zone;                        // "Europe/Berlin"; "" where /etc/localtime is no link into zoneinfo
    std::string resolv_conf;                 // content of /etc/resolv.conf
    bool operator==(const HostFacts&) const = default;
};

// What was drawn for the machine and stays its own while it has a record: identity.toml.
struct Identity {
    std::string uuid;  // 32 hex digits
    machine::IdRange ids;
    bool operator==(const Identity&) const = default;
};

struct Facts {
    rootfs::Facts rootfs;
    network::Facts network;
    HostFacts host;
    Identity identity;
    std::string fresh_id;  // 32 hex digits drawn for this start alone: machine_id = "fresh"
    bool operator==(const Facts&) const = default;
};

}  // namespace holm::launch
