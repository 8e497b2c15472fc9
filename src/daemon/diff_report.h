// What a machine has changed, told to a client: a line of JSON for each file. In a child of holmd. Observes; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "daemon/snapshots.h"
#include "launch/plan.h"

namespace holm::daemon {

// The lines (org.holm1(5)), in a file in memory that is read from its beginning. `plan`: of the machine as it runs or would run;
// request.tag: since which snapshot, "" for the machine's own root. Errors: NotSupported, where its writes cannot be seen or are more
// than can be told.
Result<Fd> report_changes(const SnapshotRequest& request, const launch::Plan& plan);

}  // namespace holm::daemon
