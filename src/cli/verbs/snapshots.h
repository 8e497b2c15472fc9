// What snapshots of one machine and of several have in common. Effects: calls holmd.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "cli/client.h"
#include "cli/parse.h"

namespace holm::cli::verbs {

// (tag, created, frozen, layers, whether it is the state below the upper) of ListSnapshots.
using SnapshotRow = std::tuple<std::string, uint64_t, uint64_t, uint32_t, bool>;

Result<std::vector<SnapshotRow>> read_snapshots(Client& client, const std::string& name);
// "12.3 ms"; "" of 0.
std::string describe_milliseconds(uint64_t microseconds);

// With --group.
Result<int> snapshot_group(const Invocation& call);
Result<int> rollback_group(const Invocation& call);

}  // namespace holm::cli::verbs
