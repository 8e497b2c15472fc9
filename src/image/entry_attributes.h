// The extended attributes and ACLs of an archive's entry, put on the file that was made of it. Applies; inside the confined child.
#pragma once

#include <cstdint>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"

namespace holm::image {

enum class Of { File, Folder };

// How many were left out: none of a layer's (image/attributes.h), or more than this file system takes. After owner and mode.
Result<uint64_t> apply_attributes(archive_entry* entry, int file, Of of);

}  // namespace holm::image
