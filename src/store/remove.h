// remove-image, and what is done when holmd starts. Applies.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request: name. The name goes, with the manifest and the layers that nothing else refers to; of a damaged one the name alone. Errors:
// NotFound; Busy, with all who use it; Denied, where it is read-only.
Result<kernel::Message> remove_image(const Job& job, const image::Store& store);

// Removes what work that has ended has left.
Result<kernel::Message> clean_up(const image::Store& store);

}  // namespace holm::store
