// What a machine is on disk, given another name or copied: its definition with its drop-ins, or its record, its state with its writes,
// its leases. In a child of holmd; the machine does not run. Applies; outside.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernel/definition_files.h"
#include "machine/name.h"
#include "machine/spec.h"
#include "rootfs/copy_tree.h"

namespace holm::daemon {

enum class MadeBy { Definition, Record };

struct FilesRequest {
    machine::MachineName from, to;  // nobody has the name `to`
    machine::Spec spec;             // of `from`
    MadeBy made_by = MadeBy::Definition;
    kernel::Places places;
    std::function<void(std::string_view path)> looking_at;
};

// A machine of the same definition with a copy of the writes, which becomes another at its first start: uuid, MAC, id range, addresses and
// machine-id are its own. Errors: NotSupported (it writes into its root itself), Busy; nothing is left then.
Result<rootfs::Copied> clone_machine(const FilesRequest& request);

// The machine with its identity, leases and whether it is enabled under another name. Errors: Denied (the definition is the vendor's);
// then it has the name it had. Cut off by a death, finish_changes() ends it.
Result<> rename_machine(const FilesRequest& request);

// After a holmd that died: renamings are brought to their end, and what it had begun to write is removed. Quick.
void finish_changes();
// What copies that never came to their end have left, of machines and of layers: paths below the folder of states. Removing them may
// take long.
std::vector<std::string> list_unfinished();
Result<> remove_unfinished(const std::vector<std::string>& names);

}  // namespace holm::daemon
