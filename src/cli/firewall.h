// Firewall: the host's rules as `nft -j list ruleset` prints them, judged: whose drop what holm's networks forward, and what holm's own
// have dropped. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "network/address.h"

namespace holm::cli {

struct OwnTraffic {
    std::vector<std::string> interfaces;
    std::vector<network::Cidr> blocks;
};

// Tables and chains of others: base chains at the hook forward whose policy is drop, or that drop or reject whatever comes to a rule; and
// rules of any chain that drop what names an interface or a block of ours. "inet firewalld filter_FORWARD (reject)".
std::vector<std::string> find_dropping(std::string_view ruleset, const OwnTraffic& own);

struct DropCounter {
    std::string name;  // "arp_source"
    uint64_t packets = 0;
    bool operator==(const DropCounter&) const = default;
};
// Those of holm's tables, summed by name, sorted.
std::vector<DropCounter> find_drop_counters(std::string_view ruleset);

}  // namespace holm::cli
