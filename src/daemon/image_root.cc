#include "daemon/image_root.h"

#include <sys/stat.h>

#include <span>

#include "api/names.h"
#include "image/identifiers.h"
#include "image/stack.h"
#include "rootfs/observe.h"
#include "rootfs/plan.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

// Its upper outlives a run: then what it lies on must too.
bool keeps_upper(const machine::Spec& spec)
{
    const rootfs::UpperPlace place = rootfs::place_upper(spec, api::state_path(spec.name));
    return place.upper == rootfs::Upper::Directory && !place.empty_at_end;
}

// Its definition still says what it was made on, or names what it was moved to.
bool is_named(const machine::Spec& spec, const image::Store& store, const image::Stack& stack, const std::string& manifest)
{
    if (stack.reference == spec.root.image) return true;
    auto named = store.find(spec.root.image);
    return named && named->digest == manifest && manifest != stack.manifest;
}

Result<ImageRoot> observe_stack(const machine::Spec& spec, const image::Store& store, const image::Stack& stack)
{
    const rootfs::History history = TRY(rootfs::read_history(rootfs::place_upper(spec, api::state_path(spec.name))));
    const std::string& used = history.manifest.empty() ? stack.manifest : history.manifest;
    if (!is_named(spec, store, stack, used))
        return error(Errc::Invalid, "its upper was made on the image '{}' and means nothing on '{}'{}: 'holmctl rebase' moves it",
                     stack.reference, spec.root.image, describe_origin(spec, "root.image"));
    ImageRoot root{.stored = true};
    const auto ids = TRY(image::layers_below(store, stack, history.manifest));
    root.layers = TRY(store.trees(ids));
    if (auto manifest = store.read_manifest(used)) root.config = std::move(manifest->config);
    return root;
}

Result<ImageRoot> observe_stored(const machine::Spec& spec, const image::Store& store)
{
    const image::Stored image = TRY(store.find(spec.root.image));
    ImageRoot root{.stored = true};
    root.layers = TRY(store.trees(image.manifest.layers), fmt::format("image '{}'", spec.root.image));
    root.config = image.manifest.config;
    if (keeps_upper(spec))
        root.fresh = image::Stack{.reference = spec.root.image, .manifest = image.digest, .layers = image.manifest.layers};
    return root;
}

Result<ImageRoot> observe(const machine::Spec& spec, const image::Store& store)
{
    if (keeps_upper(spec)) {
        auto stack = store.read_stack(spec.name);
        if (stack) return observe_stack(spec, store, *stack);
        if (stack.error().sys_errno != ENOENT) return stack.error();
    }
    auto stored = observe_stored(spec, store);
    if (stored || stored.error().code != Errc::NotFound || image::is_digest(spec.root.image)) return stored;
    if (store.find(spec.root.image)) return stored;  // it is there, and a layer of it is not
    ImageRoot root;
    root.layers = {TRY(rootfs::find_image(spec.root.image, image_places()))};
    return root;
}

// A folder, or a file that is mounted, in the places of plain images.
Result<> resolve_plain(machine::MountSpec& mount)
{
    auto plain = rootfs::find_image(mount.source, image_places());
    if (!plain && !mount.optional) return plain.error();
    mount.source = plain ? *plain : image_places().front() + "/" + mount.source;
    struct stat status;
    if (plain && ::stat(plain->c_str(), &status) == 0 && S_ISDIR(status.st_mode)) mount.type = machine::MountType::Bind;
    return {};
}

// The layers of an image of the store are folders: one is bound, of more the overlay.
Result<> resolve_mount(machine::MountSpec& mount, const image::Store& store)
{
    mount.read_only = true;
    auto stored = store.find(mount.source);
    if (!stored && stored.error().code == Errc::NotFound && !image::is_digest(mount.source)) return resolve_plain(mount);
    if (!stored && mount.optional && stored.error().code == Errc::NotFound) return resolve_plain(mount);
    if (!stored) return stored.error();
    const std::vector<std::string> layers = TRY(store.trees(stored->manifest.layers));
    mount.type = layers.size() == 1 ? machine::MountType::Bind : machine::MountType::Overlay;
    mount.source = layers.front();
    for (const std::string& layer : std::span(layers).subspan(1)) mount.options.push_back("lower=" + layer);
    return {};
}

}  // namespace

Result<Fd> resolve_image_mounts(machine::Spec& spec)
{
    const image::Store store;
    Fd hold;
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        machine::MountSpec& mount = spec.mounts[i];
        if (mount.type != machine::MountType::Image || mount.source.starts_with('/')) continue;
        if (!hold) hold = TRY(store.lock(image::Holding::Shared));
        const std::string key = fmt::format("mount[{}].source", i);
        TRY(resolve_mount(mount, store), key + describe_origin(spec, key));
    }
    return hold;
}

const std::vector<std::string>& image_places()
{
    return image::plain_places();
}

std::string find_image_below(const machine::Spec& spec)
{
    const image::Store store;
    auto stack = keeps_upper(spec) ? store.read_stack(spec.name) : Result<image::Stack>(error(Errc::NotFound, "no state"));
    if (!stack) return {};
    auto history = rootfs::read_history(rootfs::place_upper(spec, api::state_path(spec.name)));
    const std::string& digest = history && !history->manifest.empty() ? history->manifest : stack->manifest;
    std::vector<std::string> names = store.names().value_or(std::vector<std::string>());
    if (auto wanted = image::parse_reference(spec.root.image)) names.insert(names.begin(), std::move(*wanted));
    for (const std::string& name : names)
        if (auto named = store.read_name(name); named && named->manifest == digest) return name;
    return digest;
}

bool is_image(const std::string& name)
{
    return image::Store().find(name).has_value() || rootfs::find_image(name, image_places()).has_value();
}

Result<ImageRoot> observe_image_root(const machine::Spec& spec)
{
    const image::Store store;
    Fd hold = TRY(store.lock(image::Holding::Shared));
    ImageRoot root = TRY(observe(spec, store), fmt::format("machine '{}'{}", spec.name.text(), describe_origin(spec, "root.image")));
    root.hold = std::move(hold);
    return root;
}

}  // namespace holm::daemon
