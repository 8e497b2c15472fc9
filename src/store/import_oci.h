// import-oci: an image of an OCI layout, an archive of one, or what `docker save` writes. Applies.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request: name, force, read_only, reference (of the image in the layout; "" = the only one); its descriptor is the folder or the
// archive. Every digest, size and media type is checked before anything lands. What fails leaves nothing.
Result<kernel::Message> import_oci(const Job& job, const image::Store& store);

}  // namespace holm::store
