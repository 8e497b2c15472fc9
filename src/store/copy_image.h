// copy-image: an image from one store to another, as an archive of what the other does not have. Applies.
//
// The archive: image.toml, a manifest (image/manifest.h) whose layers are called by their digests, and of each layer that is missing there
// layers/HEX.tar.zst, a tar with OCI's whiteouts.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The answer: `layer` fields, the digests of the layers that are here, the newest last as far as a message has room.
Result<kernel::Message> list_digests(const image::Store& store);

// The request: name, `there` (digests that the other store has); its descriptor is the file or pipe. The answer: digest, of the image here.
Result<kernel::Message> send_image(const Job& job, const image::Store& store);

// The request: name, force, read_only; its descriptor is such an archive. Every layer is hashed, and is what it is called, or nothing
// lands. The answer: digest.
Result<kernel::Message> receive_image(const Job& job, const image::Store& store);

}  // namespace holm::store
