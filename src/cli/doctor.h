// What machines need of their host, judged: each check with what was found and the next step. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/table.h"

namespace holm::cli {

enum class Verdict { Ok, Warn, Fail };

struct Finding {
    std::string check;  // "kernel"
    Verdict verdict = Verdict::Ok;
    std::string found;  // "6.1.0-18-amd64"
    std::string next;   // what to do about it; "" where nothing
    bool operator==(const Finding&) const = default;
};

// What was seen; empty where it could not be looked at.
struct HostFacts {
    std::string kernel;    // uname(2) release
    unsigned systemd = 0;  // version; 0: it does not run here
    bool unified_cgroups = false;
    std::string controllers;                           // of /sys/fs/cgroup/cgroup.controllers
    std::optional<uint64_t> user_namespaces;           // the limit
    std::optional<uint64_t> inotify_instances;         // the limit of a user
    bool overlay = false;                              // the kernel knows it, or has a module of it
    std::optional<bool> maps_ids;                      // the file system of holm's state; root alone can try
    std::string state_file_system;                     // "ext4"
    bool nf_tables = false;                            // a socket for them can be made
    std::optional<std::vector<std::string>> dropping;  // foreign chains that drop what is forwarded: "inet firewalld filter_FORWARD"
    std::optional<bool> forwards;                      // net.ipv4.ip_forward
    bool machined = false, dnsmasq = false, polkit = false, mymachines = false;  // installed
    std::string holmd;                                                           // its version; "" where it does not answer
    std::string holmd_failure;                                                   // why not
    uint64_t free_bytes = 0, all_bytes = 0, free_files = 0, all_files = 0;       // where holm's state lies
};

std::vector<Finding> judge_host(const HostFacts& facts);

std::string_view describe_verdict(Verdict verdict);
Table table_of(const std::vector<Finding>& findings);

// Of the JSON that `nft -j list ruleset` prints: base chains at the hook forward whose policy is drop, and that are not holm's.
std::vector<std::string> find_dropping_chains(std::string_view ruleset);

}  // namespace holm::cli
