// LoopDevice: a file, or a part of it, as a block device that is read only (loop(4)). Effects: takes a free device, which the kernel gives
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

// Errors: NotSupported (this kernel, or this place, has no loop devices).
Result<LoopDevice> open_loop_device(int file, uint64_t begin, uint64_t size);

}  // namespace holm::kernel
