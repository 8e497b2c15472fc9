// What an open file is: its identity, its mount, its type. Reads.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/error.h"
#include "rootfs/facts.h"

namespace holm::rootfs {

struct FileStatus {
    FileId id;
    uint64_t mount = 0;  // statx(2) stx_mnt_id, from Linux 5.8 on
    mode_t mode = 0;
};

// Of a descriptor, also one of O_PATH.
Result<FileStatus> observe_status(int file);

}  // namespace holm::rootfs
