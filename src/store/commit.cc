#include "store/commit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "image/attributes.h"
#include "image/identifiers.h"
#include "kernel/path.h"
#include "rootfs/copy_tree.h"
#include "rootfs/history.h"
#include "store/finish_image.h"
#include "store/landing.h"

namespace holm::store {

namespace {

using rootfs::CopyRules;

// A layer that is to land, or `from` where it is to be moved from.
struct Part {
    std::string id;
    image::LayerInfo info;
    std::string from;
    std::optional<Incoming> incoming;
};

Result<Incoming> copy_layer(const Job& job, const image::Store& store, const std::string& path)
{
    Fd source = TRY(kernel::open_source(path, O_RDONLY | O_DIRECTORY));
    Incoming incoming = TRY(Incoming::make(store));
    auto progress = [&job](const std::string&, const rootfs::Copied& so_far) -> Result<> {
        job.progress(so_far.bytes + so_far.shared);
        return job.go_on();
    };
    const CopyRules rules{.devices = CopyRules::Devices::Whiteouts, .keeps = image::is_hashed_attribute, .synced = false};
    TRY(rootfs::copy_tree(source.get(), incoming.tree(), progress, rules), fmt::format("layer '{}'", printable(path)));
    return incoming;
}

bool is_link(const std::string& path)
{
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

bool on_one_file_system(const std::string& one, const std::string& other)
{
    struct stat first, second;
    return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev;
}

Result<Part> part_of_sealed(const Job& job, const image::Store& store, const std::string& text)
{
    const std::string folder(job.request().get("folder")), sealed = TRY(rootfs::parse_layer_id(text));
    Part part{.id = image::id_of_sealed(sealed), .from = folder + "/" + sealed};
    TRY(make_folders(store.layers(), 0700));
    const bool moves = job.request().get("move") == "1" && on_one_file_system(folder, store.layers());
    if (moves || is_link(part.from) || store.trees({part.id})) return part;
    part.incoming.emplace(TRY(copy_layer(job, store, part.from)));
    TRY(sync_folder(part.incoming->tree()));
    return part;
}

Result<Part> part_of_folder(const Job& job, const image::Store& store, const std::string& path)
{
    struct stat status;
    if (::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
        return error(Errc::NotSupported, "its root lies on '{}', which is no folder: 'holmctl import-raw' makes an image of that first",
                     path);
    Incoming incoming = TRY(copy_layer(job, store, path));
    DigestChild digest = TRY(DigestChild::start(incoming));
    NewLayer layer = TRY(digest.finish(job, incoming));
    Part part{.id = std::move(layer.id), .info = std::move(layer.info)};
    part.incoming.emplace(std::move(incoming));
    return part;
}

// All that takes long; topmost first.
Result<std::vector<Part>> make_parts(const Job& job, const image::Store& store)
{
    std::vector<Part> parts;
    for (const std::string& sealed : job.request().get_all("layer")) parts.push_back(TRY(part_of_sealed(job, store, sealed)));
    for (const std::string& base : job.request().get_all("base")) parts.push_back({.id = TRY(image::parse_layer_id(base))});
    for (const std::string& lower : job.request().get_all("lower")) parts.push_back(TRY(part_of_folder(job, store, lower)));
    if (parts.empty()) return error(Errc::Invalid, "there is nothing to commit");
    return parts;
}

Result<> land(const image::Store& store, Part& part)
{
    if (part.incoming) return part.incoming->land(store, part.id, part.info);
    if (!part.from.empty() && !store.trees({part.id})) TRY(move_layer(store, part.from, part.id));
    TRY(store.trees({part.id}));
    return {};
}

// An image that is only added to is no other's.
Result<> check_replaced(const image::Store& store, const Target& target, const image::Manifest& wanted)
{
    auto old = store.find(target.name);
    if (!old || target.force || !image::follows(wanted.layers, wanted.origin, old->manifest)) return check_target(store, target);
    return old->read_only ? Result<>(error(Errc::Denied, "image '{}' is read-only", target.name)) : Result<>();
}

// Layers that were there twice: the upper one hides all of the lower.
std::vector<std::string> stack_of(const std::vector<Part>& parts)
{
    std::vector<std::string> layers;
    for (const Part& part : parts)
        if (std::ranges::find(layers, part.id) == layers.end()) layers.push_back(part.id);
    return layers;
}

}  // namespace

Result<kernel::Message> commit_machine(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    std::vector<Part> parts = TRY(make_parts(job, store));
    image::Manifest manifest{.layers = stack_of(parts), .origin = std::string(job.request().get("origin"))};
    if (manifest.layers.size() > image::max_layers)
        return error(Errc::NotSupported, "an image has at most {} layers, and this one would have {}", image::max_layers,
                     manifest.layers.size());
    auto hold = TRY(store.lock(image::Holding::Alone));
    TRY(check_replaced(store, target, manifest));
    for (Part& part : parts) {
        TRY(land(store, part));
        if (image::is_drawn(part.id)) continue;  // its size is told by its layer.toml, once it is hashed
        manifest.size += TRY(store.read_layer(part.id)).size;
    }
    if (const std::string loose(job.request().get("loose")); !loose.empty())
        static_cast<void>(::unlink(fmt::format("{}/{}", job.request().get("folder"), loose).c_str()));
    if (auto config = store.read_manifest(job.request().get("config"))) {
        manifest.config = std::move(config->config);
        manifest.architecture = std::move(config->architecture);
    }
    manifest.os_release = read_os_release_of(store, manifest.layers);
    kernel::Message done("ok");
    done.add("digest", TRY(name_image(store, target, std::move(manifest))));
    return done;
}

}  // namespace holm::store
