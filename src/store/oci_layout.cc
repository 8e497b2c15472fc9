#include "store/oci_layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "image/architecture.h"
#include "image/identifiers.h"
#include "image/sha256.h"
#include "kernel/path.h"

namespace holm::store {

namespace {

using namespace image::oci;

// A regular file below the folder; links of `docker save` are followed within it.
Result<Fd> open_inside(int folder, const std::string& path)
{
    Fd file = TRY(kernel::open_in_root(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, kernel::Links::Inside));
    struct stat status;
    if (::fstat(file.get(), &status)) return sys_error("cannot look at '{}'", printable(path));
    if (!S_ISREG(status.st_mode)) return error(Errc::Invalid, "'{}' is not a regular file", printable(path));
    return file;
}

bool is_there(int folder, const std::string& path)
{
    return open_inside(folder, path).has_value();
}

std::string blob_path(const std::string& digest)
{
    return "blobs/sha256/" + digest.substr(digest.find(':') + 1);
}

Result<Fd> open_blob(int folder, const Descriptor& descriptor)
{
    auto file = open_inside(folder, blob_path(descriptor.digest));
    if (!file && file.error().sys_errno == ENOENT) return error(Errc::Invalid, "the blob {} is missing", descriptor.digest);
    if (!file) return file;
    struct stat status;
    if (::fstat(file->get(), &status)) return sys_error("cannot look at the blob {}", descriptor.digest);
    if (static_cast<uint64_t>(status.st_size) != descriptor.size)
        return error(Errc::Invalid, "the blob {} has {} bytes where {} are said", descriptor.digest, status.st_size, descriptor.size);
    return file;
}

Result<std::string> read_blob(int folder, const Descriptor& descriptor)
{
    if (descriptor.size > max_document) return error(Errc::Invalid, "the blob {} is larger than {} bytes", descriptor.digest, max_document);
    Fd file = TRY(open_blob(folder, descriptor));
    std::string text = TRY(read_all(file.get(), max_document));
    if (image::digest_of(text) != descriptor.digest) return error(Errc::Invalid, "the blob {} has another content", descriptor.digest);
    return text;
}

Result<> check_counts(const ImageConfig& config, size_t layers)
{
    if (!config.os.empty() && config.os != "linux")
        return error(Errc::NotSupported, "the image is for '{}', not for Linux", printable(config.os, 80));
    if (config.diff_ids.size() == layers) return {};
    return error(Errc::Invalid, "the image has {} layers, and its config says {}", layers, config.diff_ids.size());
}

// -- OCI ----------------------------------------------------------------------------------------------------------------------------

// The descriptor of the manifest, through indexes within each other.
Result<Descriptor> find_manifest(int folder, std::string_view reference)
{
    Fd file = TRY(open_inside(folder, "index.json"));
    std::string text = TRY(read_all(file.get(), max_document), "index.json");
    std::string name;
    for (unsigned depth = 0; depth < max_index_depth; ++depth) {
        const std::vector<Descriptor> there = TRY(parse_index(text));
        Descriptor chosen = TRY(choose(there, depth == 0 ? reference : "", image::own_architecture()));
        if (depth == 0) name = chosen.reference;
        if (kind_of(chosen.media_type) == Kind::Manifest) {
            chosen.reference = name;
            return chosen;
        }
        text = TRY(read_blob(folder, chosen));
    }
    return error(Errc::Invalid, "its indexes are nested deeper than {}", max_index_depth);
}

Result<> check_layout_version(int folder)
{
    Fd file = TRY(open_inside(folder, "oci-layout"));
    const std::string text = TRY(read_all(file.get(), 4096), "oci-layout");
    if (!text.contains("\"1.0.")) return error(Errc::NotSupported, "the layout is not of version 1.0");
    return {};
}

Result<OciImage> read_oci(int folder, std::string_view reference)
{
    TRY(check_layout_version(folder));
    const Descriptor chosen = TRY(find_manifest(folder, reference));
    const std::string manifest_text = TRY(read_blob(folder, chosen));
    const ImageManifest manifest = TRY(parse_manifest(manifest_text));
    OciImage image{.reference = chosen.reference};
    const std::string config_text = TRY(read_blob(folder, manifest.config));
    image.config = TRY(parse_config(config_text));
    TRY(check_counts(image.config, manifest.layers.size()));
    for (size_t i = 0; i < manifest.layers.size(); ++i) {
        LayerSource layer;
        layer.file = TRY(open_blob(folder, manifest.layers[i]));
        layer.digest = manifest.layers[i].digest;
        layer.compression = compression_of(manifest.layers[i].media_type);
        layer.diff_id = image.config.diff_ids[i];
        image.layers.push_back(std::move(layer));
    }
    return image;
}

// -- docker save --------------------------------------------------------------------------------------------------------------------

Result<Saved> choose_saved(std::vector<Saved> images, std::string_view reference)
{
    std::vector<std::string> there;
    for (Saved& saved : images) {
        there.insert(there.end(), saved.names.begin(), saved.names.end());
        if (reference.empty() ? images.size() == 1 : std::ranges::find(saved.names, reference) != saved.names.end())
            return std::move(saved);
    }
    return error(reference.empty() ? Errc::Invalid : Errc::NotFound, "it has {} images: name one with --reference=, of {}", images.size(),
                 printable(fmt::format("{}", fmt::join(there, ", ")), 300));
}

// A file of the old form is called by the hash of its content.
Result<> check_named_by_hash(const std::string& path, const std::string& text)
{
    std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
    if (name.ends_with(".json")) name.remove_suffix(5);
    const std::string digest = fmt::format("sha256:{}", name);
    if (image::is_digest(digest) && image::digest_of(text) != digest)
        return error(Errc::Invalid, "the config '{}' has another content than its name says", printable(path));
    return {};
}

Result<OciImage> read_saved(int folder, std::string_view reference)
{
    Fd list = TRY(open_inside(folder, "manifest.json"));
    const std::string list_text = TRY(read_all(list.get(), max_document), "manifest.json");
    std::vector<Saved> images = TRY(parse_saved(list_text));
    const Saved saved = TRY(choose_saved(std::move(images), reference));
    Fd file = TRY(open_inside(folder, saved.config));
    const std::string text = TRY(read_all(file.get(), max_document), "its config");
    TRY(check_named_by_hash(saved.config, text));
    OciImage image;
    if (!saved.names.empty()) image.reference = saved.names.front();
    image.config = TRY(parse_config(text));
    TRY(check_counts(image.config, saved.layers.size()));
    for (size_t i = 0; i < saved.layers.size(); ++i) {
        LayerSource layer;
        layer.file = TRY(open_inside(folder, saved.layers[i]));
        layer.diff_id = image.config.diff_ids[i];
        image.layers.push_back(std::move(layer));
    }
    return image;
}

}  // namespace

Result<OciImage> read_layout(int folder, std::string_view reference)
{
    if (is_there(folder, "oci-layout") && is_there(folder, "index.json")) return read_oci(folder, reference);
    if (is_there(folder, "manifest.json")) return read_saved(folder, reference);
    return error(Errc::Invalid, "this is neither an OCI layout (no oci-layout and index.json) nor of 'docker save' (no manifest.json)");
}

}  // namespace holm::store
