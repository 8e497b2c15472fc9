#include "store/import_oci.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>

#include "image/identifiers.h"
#include "kernel/path.h"
#include "store/finish_image.h"
#include "store/landing.h"
#include "store/layer_index.h"
#include "store/oci_layout.h"
#include "store/unpack_child.h"

namespace holm::store {

namespace {

// A layer of the new image: one that the store has, or one that is to land.
struct Part {
    std::string id;
    image::LayerInfo info;
    std::optional<Incoming> incoming;
};

Result<> check_layer(const LayerSource& source, const image::Unpacked& unpacked)
{
    if (!source.digest.empty() && unpacked.input_digest != source.digest)
        return error(Errc::Invalid, "the layer {} has another content: its digest is {}", source.digest, unpacked.input_digest);
    if (unpacked.tar_digest != source.diff_id)
        return error(Errc::Invalid, "a layer has the diff_id {}, and the config says {}", unpacked.tar_digest, source.diff_id);
    if (!source.compression.empty() && unpacked.compression != source.compression)
        return error(Errc::Invalid, "the layer {} is compressed as '{}', and its media type says '{}'", source.digest, unpacked.compression,
                     source.compression);
    return {};
}

Result<Part> make_part(const Job& job, const image::Store& store, const LayerSource& source, image::Unpacked& total)
{
    Incoming incoming = TRY(Incoming::make(store));
    DigestChild digest = TRY(DigestChild::start(incoming));
    const image::Unpacked unpacked = TRY(unpack_confined(job, incoming, source.file.get(), image::Whiteouts::Oci, digest.names()));
    TRY(check_layer(source, unpacked));
    total.devices += unpacked.devices;
    total.attributes += unpacked.attributes;
    NewLayer layer = TRY(digest.finish(job, incoming));
    layer.info.diff_id = source.diff_id;
    Part part{.id = std::move(layer.id), .info = std::move(layer.info)};
    part.incoming.emplace(std::move(incoming));
    return part;
}

// Bottom first. What the store has already is hashed all the same: its digest was said, and is checked.
Result<std::vector<Part>> make_parts(const Job& job, const image::Store& store, const OciImage& image, image::Unpacked& total)
{
    const std::map<std::string, std::string> known = TRY(index_layers(store));
    std::vector<Part> parts;
    for (const LayerSource& source : image.layers) {
        auto there = known.find(source.diff_id);
        if (there == known.end()) {
            parts.push_back(TRY(make_part(job, store, source, total)));
            continue;
        }
        if (!source.digest.empty() && TRY(digest_file(job, source.file.get())) != source.digest)
            return error(Errc::Invalid, "the layer {} has another content", source.digest);
        Part part{.id = there->second};
        part.info = TRY(store.read_layer(part.id));
        parts.push_back(std::move(part));
    }
    return parts;
}

// Topmost first. Of a layer that is there twice the upper one hides all of the lower.
std::vector<std::string> stack_of(const std::vector<Part>& parts)
{
    std::vector<std::string> layers;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
        if (std::ranges::find(layers, part->id) == layers.end()) layers.push_back(part->id);
    return layers;
}

Result<> land_all(const image::Store& store, std::vector<Part>& parts)
{
    for (Part& part : parts) {
        if (part.incoming) TRY(part.incoming->land(store, part.id, part.info));
        else TRY(store.trees({part.id}));  // it may have gone meanwhile
    }
    return {};
}

// The layout as a folder: an archive of one is unpacked beside the layers, and goes with `staging`.
Result<Fd> open_layout(const Job& job, const image::Store& store, std::optional<Incoming>& staging)
{
    const int input = TRY(job.input());
    struct stat status;
    if (::fstat(input, &status)) return sys_error("cannot look at the image");
    if (S_ISDIR(status.st_mode)) return kernel::open_in_root(input, "", O_RDONLY | O_DIRECTORY, kernel::Links::Refuse);
    Incoming made = TRY(Incoming::make(store));
    staging.emplace(std::move(made));
    TRY(unpack_confined(job, *staging, input, image::Whiteouts::AsFiles));
    return duplicate(staging->tree());
}

}  // namespace

Result<kernel::Message> import_oci(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    TRY(check_target(store, target));
    std::optional<Incoming> staging;
    Fd layout = TRY(open_layout(job, store, staging));
    const OciImage image = TRY(read_layout(layout.get(), job.request().get("reference")));
    image::Unpacked total;
    std::vector<Part> parts = TRY(make_parts(job, store, image, total));

    auto hold = TRY(store.lock(image::Holding::Alone));
    TRY(check_target(store, target));
    TRY(land_all(store, parts));
    image::Manifest manifest{
        .layers = stack_of(parts), .origin = "oci", .architecture = image.config.architecture, .config = image.config.config};
    if (!image.reference.empty()) manifest.origin += " " + image.reference;
    for (const Part& part : parts) manifest.size += part.info.size;
    manifest.os_release = read_os_release_of(store, manifest.layers);
    kernel::Message done("ok");
    done.add("digest", TRY(name_image(store, target, std::move(manifest))));
    done.add("devices", static_cast<int64_t>(total.devices)).add("attributes", static_cast<int64_t>(total.attributes));
    return done;
}

}  // namespace holm::store
