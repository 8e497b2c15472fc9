// LoopDevice: a file, or a part of it, as a block device (loop(4)). Effects: takes a free device, which the kernel gives
// back when the last that uses it has gone: this owner, or a mount.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

struct LoopDevice {
    std::string path;  // "/dev/loop3"
    Fd device;
};

enum class LoopAccess { ReadOnly, ReadWrite };

// The part of a file: `begin` and `size` in bytes.
struct LoopPart {
    uint64_t begin = 0, size = 0;
    LoopAccess access = LoopAccess::ReadOnly;
};

// `file`: open for what `access` says. Errors: NotSupported (this kernel, or this place, has no loop devices).
Result<LoopDevice> open_loop_device(int file, const LoopPart& part);

}  // namespace holm::kernel
