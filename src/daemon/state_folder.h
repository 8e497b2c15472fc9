// The folder of a machine's state with its upper. On btrfs it is a subvolume from the first start on that caps the upper (root.size): a
// quota group bounds a subvolume and no less, and between upper, work and sealed layers there are renames, which no subvolume's border lets
// by. In a child of holmd; the machine does not run. Applies; outside.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "machine/name.h"

namespace holm::daemon {

// Makes a subvolume of it where it is a folder of btrfs, with what is in it; elsewhere nothing. In one step; cut off by a death of holmd,
// what is left is list_unfinished()'s. Errors: NotSupported, where the file system keeps no quotas.
Result<> provide_capped_state(const machine::MachineName& name, uint64_t bytes);

// While the machine does not run its cap stands in the way of nobody: a rollback writes and a removal renames in what is full.
void lift_cap(const machine::MachineName& name);

// With its quota group. Nothing there is nothing to do.
Result<> remove_state_folder(const machine::MachineName& name);

}  // namespace holm::daemon
