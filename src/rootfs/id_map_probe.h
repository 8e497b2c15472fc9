// Whether a file system lets its ids be mapped: tried, since neither its name nor the kernel's version says so. Outside.
#pragma once

#include "base/error.h"
#include "base/fd.h"

namespace holm::rootfs {

class IdMapProbe {
public:
    // Maps a copy of the mount at `file`, attached nowhere, as holm-setup will. Needs CAP_SYS_ADMIN. Errors: what has nothing to do with
    // the file system: no user namespace can be made.
    Result<bool> can_be_mapped(int file);

private:
    Fd namespace_;  // a user namespace of nobody's, made at first use
};

}  // namespace holm::rootfs
