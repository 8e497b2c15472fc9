// Whether a file system lets its ids be mapped: tried, since neither its name nor the kernel's version says so. Outside.
#pragma once

#include "base/error.h"
#include "base/fd.h"

namespace holm::rootfs {

class IdMapProbe {
public:
    // `user_namespace`: any with a map, of the caller's; -1: one is made at first use.
    explicit IdMapProbe(int user_namespace = -1) : given_(user_namespace) {}
    // Maps a copy of the mount at `file`, attached nowhere, as holm-setup will. Needs CAP_SYS_ADMIN. Errors: what has nothing to do with
    // the file system: no user namespace can be made.
    Result<bool> can_be_mapped(int file);
    // Maps that mount itself, which is attached nowhere.
    Result<bool> map(int mount);

private:
    int given_;
    Fd made_;
};

// A user namespace of nobody's, with a range: it ends with its descriptor.
Result<Fd> make_probe_namespace();

}  // namespace holm::rootfs
