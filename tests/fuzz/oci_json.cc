#include <cstdlib>

#include "image/identifiers.h"
#include "image/oci.h"
#include "targets.h"

namespace holm::fuzz {

namespace {

void check(const image::oci::Descriptor& descriptor)
{
    if (!image::is_digest(descriptor.digest)) std::abort();
}

}  // namespace

void oci_json(std::string_view bytes)
{
    if (auto index = image::oci::parse_index(bytes)) {
        for (const auto& descriptor : *index) check(descriptor);
        auto chosen = image::oci::choose(*index, "", "amd64");
        if (chosen) check(*chosen);
    }
    if (auto manifest = image::oci::parse_manifest(bytes)) {
        check(manifest->config);
        for (const auto& layer : manifest->layers) check(layer);
    }
    if (auto config = image::oci::parse_config(bytes))
        for (const std::string& digest : config->diff_ids)
            if (!image::is_digest(digest)) std::abort();
    static_cast<void>(image::oci::parse_saved(bytes));
}

}  // namespace holm::fuzz
