// The files of an OCI layout, or of what `docker save` writes, found in a folder that is not trusted. Observes; nothing is resolved out of
// that folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "image/oci.h"

namespace holm::store {

// A layer as it lies there.
struct LayerSource {
    Fd file;
    std::string digest;       // of the file; "" = the format does not say
    std::string compression;  // "gzip", "zstd", "none"; "" = not said
    std::string diff_id;      // of the tar in it
};

struct OciImage {
    std::string reference;  // what it is called there; "" = nothing
    image::oci::ImageConfig config;
    std::vector<LayerSource> layers;  // bottom first
};

// The image of that name, or the only one. What is small is read and checked against its digest, of layers the size. Errors: Invalid,
// NotFound, NotSupported.
Result<OciImage> read_layout(int folder, std::string_view reference);

}  // namespace holm::store
