// Ruleset: holm's two nftables tables as text for libnftables, `inet holm` and `bridge holm` (nft(8)). Pure. Each function gives one
// transaction: applied whole or not at all. Elements are made so that giving an add or a remove twice is no error.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "network/plan.h"
#include "network/segment.h"

namespace holm::network {

struct MachineEndpoints {
    std::string machine;
    std::vector<Endpoint> endpoints;  // those of type Bridge on segments of ours count
};

// Both tables whole, replacing what they were: at the start of holmd, after a flush by others, at a doubt.
std::string describe_ruleset(std::span<const Segment> segments, std::span<const MachineEndpoints> machines);
// The tables are there; a segment or a machine comes or goes. "" for what needs nothing: a bridge of others, a machine without endpoints.
// A port that another machine has published makes the whole addition fail with "File exists".
std::string describe_addition(const Segment& segment);
std::string describe_removal(const Segment& segment);
std::string describe_addition(const MachineEndpoints& machine);
std::string describe_removal(const MachineEndpoints& machine);
// The endpoint stays, and publishes these of its ports no more.
std::string describe_unpublished(const Endpoint& endpoint);
// Nothing is left of them.
std::string describe_no_ruleset();

}  // namespace holm::network
