// The cap of an upper on disk (root.size): a project quota over upper and work together, between which overlayfs renames; on btrfs a quota
// group over the subvolume that both are in. Applies; outside, before the overlay is mounted.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace holm::rootfs {

// Open folders of one mount.
struct CappedUpper {
    int upper = -1, work = -1;
    int above = -1;  // the one that both are in
};

// Caps what is in upper and work at `bytes` from now on; 0 takes away a cap of before. What is there already counts; that takes
// a while once, for a large upper. Errors: NotSupported, where the file system keeps no quotas.
Result<> cap_upper(const CappedUpper& place, uint64_t bytes);

}  // namespace holm::rootfs
