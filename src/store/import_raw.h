// import-raw: the root in a disk image as an image of one layer. Applies.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request and the answer are those of import-fs; the descriptor is a file, which may be compressed, or a pipe. The partitions and file
// systems are told by libblkid in a confined child; the kernel reads them, from loop devices that cannot be written, mounted in a mount
// namespace of this process alone. What fails, or is killed, leaves neither a mount nor a device.
Result<kernel::Message> import_raw(const Job& job, const image::Store& store);

}  // namespace holm::store
