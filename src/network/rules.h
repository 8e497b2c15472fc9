// Rules: [[network]] allow and deny of a machine as rules of nftables. Pure.
#pragma once

#include <string>
#include <vector>

#include "network/plan.h"

namespace holm::network {

enum class Direction { In, Out };  // as the machine sees it
enum class Table { Inet, Bridge };

// The rules of the machine's chain for the direction; none where the definition says nothing of it. deny comes first; where allow has
// a rule for the direction nothing else passes. A packet that passes returns to the chain that jumped here: nothing is opened by it
// that is closed to all. Answers always pass: `inet` knows them by connection tracking, which bridges need not have. There a new TCP
// connection is told by its SYN, and UDP to a port that programs are given for their own requests (32768 to 60999) counts as an answer.
std::vector<std::string> describe_rules(const Endpoint& endpoint, Direction direction, Table table);

}  // namespace holm::network
