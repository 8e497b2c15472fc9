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

enum class MadeBy { Definition, Record, Image };  // Image: started by its image's name; a copy of it gets a definition

struct FilesRequest {
    machine::MachineName from, to;  // nobody has the name `to`
    machine::Spec spec;             // of `from`
    MadeBy made_by = MadeBy::Definition;
    std::string staged;  // of a clone: name_clone()
    kernel::Places places;
    std::function<void(std::string_view path)> looking_at;
};

// A machine of the same definition with a copy of the writes, which becomes another at its first start: uuid, MAC, id range, addresses and
// machine-id are its own. Errors: NotSupported (it writes into its root itself), Busy; nothing is left then.
Result<rootfs::Copied> clone_machine(const FilesRequest& request);

// Where the state of a clone is made, of its own.
Result<std::string> name_clone();
// After a child that was killed at it, while nobody has been given the name `to`: nothing is left.
Result<> undo_clone(const FilesRequest& request);

// The machine with its identity, leases and whether it is enabled under another name. Errors: Denied (the definition is the vendor's);
// then it has the name it had. Cut off by a death of holmd, finish_renaming() ends it.
Result<> rename_machine(const FilesRequest& request);
// After a child that was killed at it: the machine has the name it had.
Result<> undo_rename(const FilesRequest& request);

// Of the state of a machine, in whose folder `renaming_file` says from what to what.
Result<> finish_renaming(const std::string& folder);

}  // namespace holm::daemon
