// import-tar, import-fs: an image of one layer. Applies.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request: name, force, read_only, origin; its descriptor is the archive or the folder. The answer: digest, layer, size, entries,
// devices and attributes (that were left out). What fails leaves nothing.
Result<kernel::Message> import_tar(const Job& job, const image::Store& store);
Result<kernel::Message> import_folder(const Job& job, const image::Store& store);

}  // namespace holm::store
