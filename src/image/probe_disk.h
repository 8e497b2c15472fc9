// What a disk image holds: its partitions and file systems, as libblkid tells them. Reads; inside the confined child.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "image/disk_parts.h"

namespace holm::image {

// Of a regular file. Errors: Invalid (two file systems at once, an image of another kind).
Result<Disk> probe_disk(int file);
// "ext4", "crypto_LUKS"; "" = nothing that is known. Errors: Invalid (more than one).
Result<std::string> probe_file_system(int file, const Part& part);

}  // namespace holm::image
