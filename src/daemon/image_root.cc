#include "daemon/image_root.h"

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

}  // namespace

const std::vector<std::string>& image_places()
{
    static const std::vector<std::string> places = {api::state_images_folder, "/var/lib/machines"};
    return places;
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
