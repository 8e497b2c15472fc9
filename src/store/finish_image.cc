#include "store/finish_image.h"

#include <fcntl.h>

#include <ctime>

#include "base/folder.h"
#include "image/identifiers.h"
#include "kernel/path.h"
#include "machine/os_release.h"
#include "rootfs/observe.h"
#include "store/unnamed.h"

namespace holm::store {

Result<Target> read_target(const kernel::Message& request)
{
    Target target;
    target.name = TRY(image::parse_image_name(request.get("name")));
    target.force = request.get("force") == "1";
    target.read_only = request.get("read_only") == "1";
    return target;
}

Result<> check_target(const image::Store& store, const Target& target)
{
    if (!exists(store.name(target.name))) return rootfs::check_no_image(target.name, image::plain_places());
    if (!target.force) return error(Errc::Exists, "image '{}' exists already: --force replaces it", target.name);
    auto old = store.find(target.name);
    if (old && old->read_only) return error(Errc::Denied, "image '{}' is read-only", target.name);
    return {};
}

Result<kernel::Message> check_name(const Job& job, const image::Store& store)
{
    const Target target = TRY(read_target(job.request()));
    TRY(check_target(store, target));
    return kernel::Message("ok");
}

std::map<std::string, std::string> read_os_release(int tree)
{
    for (const char* path : {"/etc/os-release", "/usr/lib/os-release"})
        if (auto text = kernel::read_in_root(tree, path, 64 << 10)) return machine::parse_os_release(*text);
    return {};
}

std::map<std::string, std::string> read_os_release_of(const image::Store& store, const std::vector<std::string>& layers)
{
    for (const std::string& id : layers) {
        auto tree = open_file(store.tree(id), O_PATH | O_DIRECTORY);
        auto found = tree ? read_os_release(tree->get()) : std::map<std::string, std::string>();
        if (!found.empty()) return found;
    }
    return {};
}

Result<std::string> name_image(const image::Store& store, const Target& target, image::Manifest manifest)
{
    manifest.created = static_cast<uint64_t>(::time(nullptr));
    const auto old = store.find(target.name);
    std::string digest = TRY(write_manifest(store, manifest));
    if (old && old->digest != digest) TRY(mark_leaving(store, *old));
    TRY(write_name(store, target.name, {.manifest = digest, .read_only = target.read_only}));
    note_named(store, digest, manifest.layers);
    if (old && old->digest != digest) static_cast<void>(drop_unnamed(store));  // else the next start of holmd does
    return digest;
}

Result<kernel::Message> finish_layer(const Job& job, const image::Store& store, const Target& target, Incoming incoming, DigestChild digest)
{
    const NewLayer layer = TRY(digest.finish(job, incoming));
    image::Manifest manifest{.layers = {layer.id}, .origin = std::string(job.request().get("origin")), .size = layer.info.size};
    manifest.os_release = read_os_release(incoming.tree());
    auto hold = TRY(store.lock(image::Holding::Alone));
    TRY(check_target(store, target));
    TRY(incoming.land(store, layer.id, layer.info));
    kernel::Message done("ok");
    done.add("digest", TRY(name_image(store, target, std::move(manifest)))).add("layer", layer.id);
    done.add("size", static_cast<int64_t>(layer.info.size)).add("entries", static_cast<int64_t>(layer.info.entries));
    return done;
}

}  // namespace holm::store
