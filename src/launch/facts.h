// What planning a machine needs to know of the host: all of it observed before, so that make_plan is pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "machine/id_range.h"
#include "machine/spec.h"
#include "network/plan.h"
#include "rootfs/facts.h"

namespace holm::launch {

// A resolv.conf of the host.
struct ResolverFile {
    std::string path;
    std::string content;  // "" where it is not there
    bool operator==(const ResolverFile&) const = default;
};
using ResolverFiles = std::array<ResolverFile, 4>;  // by machine::Resolver

// Where a host may have the program of an OCI runtime.
inline constexpr std::array runtime_folders = {"/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"};

// Which controllers cgroup v2 has, and those of a host that has all that systemd sets limits with.
inline constexpr const char* controllers_file = "/sys/fs/cgroup/cgroup.controllers";
inline constexpr const char* all_controllers = "cpuset cpu io memory pids";

struct HostFacts {
    uint64_t memory = 0;         // bytes of RAM
    bool unified_cgroup = true;  // cgroup v2 at /sys/fs/cgroup
    std::string controllers = all_controllers;
    bool apparmor = false, selinux = false;  // the kernel has it, and it is on
    std::string runtime;                     // program of the OCI runtime that the machine asks for; "": none, or it is not installed
    std::string os_release;                  // content of /etc/os-release
    std::string zone;                        // "Europe/Berlin": of the host, or the one that the machine names; "" where /etc/localtime
                                             // is no link into zoneinfo
    bool has_zone = false;                   // the host has the file of `zone`
    ResolverFiles resolvers = {{{"/etc/resolv.conf", ""},
                                {"/usr/lib/systemd/resolv.conf", ""},
                                {"/run/systemd/resolve/resolv.conf", ""},
                                {"/run/systemd/resolve/stub-resolv.conf", ""}}};
    const ResolverFile& resolver(machine::Resolver of) const { return resolvers[static_cast<size_t>(of)]; }
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
