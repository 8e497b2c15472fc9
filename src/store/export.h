// export-tar, export-oci. Applies: writes what the client has opened.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request: name (an image, or a machine that does not run), upper (1: its upper alone, as an OCI layer has whiteouts), compression; its
// descriptor is the file or pipe. The answer: digest of what was written.
Result<kernel::Message> export_tar(const Job& job, const image::Store& store);

// The request: name (an image), compression; its descriptor is a folder, which becomes an OCI layout, or a file or pipe, which becomes an
// archive of one. The answer: digest of the archive; of a folder, of its manifest.
Result<kernel::Message> export_oci(const Job& job, const image::Store& store);

}  // namespace holm::store
