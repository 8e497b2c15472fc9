// Ruleset: holm's two nftables tables as text for libnftables, `inet holm` and `bridge holm` (nft(8)). Pure. Each function gives one
// transaction: applied whole or not at all. Elements are made so that giving an add or a remove twice is no error.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "network/plan.h"
#include "network/segment.h"
#include "network/set_element.h"

namespace holm::network {

struct MachineEndpoints {
    std::string machine;
    std::vector<Endpoint> endpoints;  // those of type Bridge on segments of ours count
};

// One transaction: the text of it, and where it is entries of sets and maps alone, these, which the kernel takes in a tenth of the time.
struct RulesetChange {
    std::string text;
    std::vector<ElementChange> entries;
    bool entries_alone = true;

    RulesetChange& operator+=(RulesetChange other);
};

// Both tables whole, replacing what they were: at the start of holmd, after a flush by others, at a doubt.
std::string describe_ruleset(std::span<const Segment> segments, std::span<const MachineEndpoints> machines);
// The tables are there; a segment or a machine comes or goes. Empty for what needs nothing: a bridge of others, a machine without
// endpoints. A port that another machine has published makes the whole addition fail with "File exists".
RulesetChange plan_addition(const Segment& segment);
RulesetChange plan_removal(const Segment& segment);
RulesetChange plan_addition(const MachineEndpoints& machine);
RulesetChange plan_removal(const MachineEndpoints& machine);
// The endpoint stays, and publishes these of its ports no more.
RulesetChange plan_unpublished(const Endpoint& endpoint);
// Nothing is left of them.
std::string describe_no_ruleset();

}  // namespace holm::network
