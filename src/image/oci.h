// The JSON of OCI image layouts and of `docker save`, as values: checked, bounded, nothing believed that it says of files. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/manifest.h"

namespace holm::image::oci {

inline constexpr size_t max_document = 4 << 20;  // bytes of an index, a manifest or a config
inline constexpr unsigned max_index_depth = 4;   // indexes within each other

// What another document says of a blob.
struct Descriptor {
    std::string media_type;
    std::string digest;  // "sha256:…"
    uint64_t size = 0;
    std::string os, architecture;  // of a manifest in an index; "" = not said
    std::string reference;         // the annotation org.opencontainers.image.ref.name
    bool operator==(const Descriptor&) const = default;
};

enum class Kind { Index, Manifest, Config, Layer, Other };
// What a media type is one of; those of Docker's registry are as good.
Kind kind_of(std::string_view media_type);
// "gzip", "zstd" or "none": how a layer of that media type is compressed.
std::string_view compression_of(std::string_view media_type);

// Errors of all: Invalid, NotSupported (a digest that is not sha256; layers that are elsewhere).

// The manifests and indexes of an index; what is neither is left out.
Result<std::vector<Descriptor>> parse_index(std::string_view text);

struct ImageManifest {
    Descriptor config;
    std::vector<Descriptor> layers;  // bottom first
};
Result<ImageManifest> parse_manifest(std::string_view text);

struct ImageConfig {
    std::string os, architecture;
    std::vector<std::string> diff_ids;  // bottom first
    Config config;
};
Result<ImageConfig> parse_config(std::string_view text);

// An image of manifest.json of `docker save`: paths in the archive.
struct Saved {
    std::string config;
    std::vector<std::string> names, layers;  // layers: bottom first
};
Result<std::vector<Saved>> parse_saved(std::string_view text);

// The one to take of an index: for this architecture and Linux, and with that reference if one is given. Errors: NotFound, Invalid
// (more than one would do), with what there is.
Result<Descriptor> choose(const std::vector<Descriptor>& descriptors, std::string_view reference, std::string_view architecture);

}  // namespace holm::image::oci
