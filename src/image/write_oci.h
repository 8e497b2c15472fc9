// The JSON of an OCI image that is written. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "image/manifest.h"
#include "image/oci.h"
#include "image/pack.h"

namespace holm::image::oci {

inline constexpr std::string_view manifest_type = "application/vnd.oci.image.manifest.v1+json",
                                  config_type = "application/vnd.oci.image.config.v1+json";
// The media type of a layer; "" of a compression that OCI does not have.
std::string_view layer_type(Compression compression);

// diff_ids and layers: bottom first.
std::string describe_config(const Manifest& image, const std::vector<std::string>& diff_ids);
std::string describe_manifest(const Descriptor& config, const std::vector<Descriptor>& layers);
std::string describe_index(const Descriptor& manifest);

}  // namespace holm::image::oci
