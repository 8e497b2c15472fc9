// rebase: other layers below a machine's own. In a child of holmd. Observes and applies; outside.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

struct RebaseRequest {
    machine::MachineName name;
    machine::Spec spec;
    std::string image;
    std::string tag;                // of the snapshot of before
    std::vector<std::string> take;  // paths whose change by the machine is given up
    std::function<void(std::string_view path)> looking_at;
};

// What would become of each change of the machine, a line of JSON each (org.holm1(5)), and of the packages that differ. Errors: NotFound
// (the image); NotSupported (the machine has not run on an image of the store yet).
Result<Fd> report_rebase(const RebaseRequest& request);

// Snapshot, then the new layers, in one step. The machine must not run. Errors: as above; Exists (the tag), NotFound (a path that the
// machine has not changed).
Result<> rebase_machine(const RebaseRequest& request);

}  // namespace holm::daemon
