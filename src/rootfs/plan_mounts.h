// The user's mounts of a machine: what each of the definition's becomes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/id_range.h"
#include "machine/spec.h"
#include "rootfs/facts.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// Whether overlayfs can write to a file system: one without whiteouts, without xattrs of trusted.*, or changed behind its back cannot be
// an upper.
bool can_hold_upper(std::string_view file_system);

// The mounts, those nearer to the root first, then by name: the order in which they are written does not matter. A sentence of warning
// each is added to `warnings`. Errors: Invalid, NotSupported, NotFound: with the key and where it was written.
Result<std::vector<Mount>> plan_mounts(const machine::Spec& spec, const Facts& facts, const machine::IdRange& ids,
                                       std::vector<std::string>& warnings);

}  // namespace holm::rootfs
