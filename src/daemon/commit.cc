#include "daemon/commit.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "api/names.h"
#include "base/text.h"
#include "daemon/image_root.h"
#include "daemon/snapshots.h"
#include "daemon/store_call.h"
#include "image/identifiers.h"
#include "image/stack.h"
#include "image/store.h"
#include "rootfs/observe.h"
#include "rootfs/path_lock.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

using rootfs::History;
using rootfs::UpperPlace;

// What the machine's own layers lie on.
struct Base {
    std::vector<std::string> ids;      // of the store, topmost first
    std::vector<std::string> folders;  // or of the host
    std::string manifest;              // of the image, whose config the new one has
};

Result<Base> observe_base(const CommitRequest& request)
{
    const machine::RootSpec& root = request.spec.root;
    if (!root.lower.empty()) return Base{.ids = {}, .folders = root.lower, .manifest = ""};
    if (root.image.empty()) return Base{.ids = {}, .folders = {root.path}, .manifest = ""};
    const image::Store store;
    if (auto stack = store.read_stack(request.name)) {
        const History history = TRY(rootfs::read_history(rootfs::place_upper(request.spec, api::state_path(request.name))));
        Base base{.ids = {}, .folders = {}, .manifest = history.manifest.empty() ? stack->manifest : history.manifest};
        base.ids = TRY(image::layers_below(store, *stack, history.manifest));
        return base;
    }
    auto stored = store.find(root.image);
    if (stored) return Base{.ids = stored->manifest.layers, .folders = {}, .manifest = stored->digest};
    if (stored.error().code != Errc::NotFound || image::is_digest(root.image)) return stored.error();
    std::string plain = TRY(rootfs::find_image(root.image, image_places()));
    return Base{.ids = {}, .folders = {std::move(plain)}, .manifest = ""};
}

std::string origin_of(const CommitRequest& request)
{
    return "machine " + request.name.text();
}

// So that it fails before anything is sealed. The store looks again.
Result<> check_name(const CommitRequest& request, const Base& base, const History& planned)
{
    const image::Store store;
    auto old = store.find(request.image);
    if (!old && old.error().code == Errc::NotFound) return rootfs::check_no_image(request.image, image_places());
    if (!old) return request.force ? Result<>() : Result<>(old.error());
    if (old->read_only) return error(Errc::Denied, "image '{}' is read-only", old->name);
    if (request.force || (!base.folders.empty() && old->manifest.origin == origin_of(request))) return {};
    std::vector<std::string> layers;
    for (const std::string& id : planned.layers) layers.push_back(image::id_of_sealed(id));
    layers.insert(layers.end(), base.ids.begin(), base.ids.end());
    if (image::follows(layers, origin_of(request), old->manifest)) return {};
    return error(Errc::Exists, "image '{}' exists already, and machine '{}' does not lie on it: --force replaces it", old->name,
                 request.name.text());
}

kernel::Message store_request(const CommitRequest& request, const UpperPlace& place, const Base& base,
                              const std::vector<std::string>& layers)
{
    kernel::Message message("commit");
    message.add("name", request.image).add("force", int64_t{request.force}).add("origin", origin_of(request));
    message.add("folder", rootfs::layers_folder(place)).add("move", int64_t{place.ours}).add("config", base.manifest);
    for (const std::string& id : layers) message.add("layer", id);
    for (const std::string& id : base.ids) message.add("base", id);
    for (const std::string& path : base.folders) message.add("lower", path);
    return message;
}

Result<kernel::Message> seal(const CommitRequest& request, const UpperPlace& place, const Base& base)
{
    std::optional<rootfs::PathLock> lock;
    const bool writes = TRY(rootfs::has_writes(place));
    if (writes) lock.emplace(TRY(rootfs::PathLock::take(place.path, request.name.text())));
    History history = TRY(rootfs::settle_history(place));
    const bool is_promised = history.next_image == request.image;  // this is it
    if (is_promised) history.next_image.clear(), history.next_force = false;
    const std::string id = writes ? TRY(rootfs::draw_layer_id()) : "";
    const History planned = TRY(rootfs::plan_layer(history, id));
    TRY(check_name(request, base, planned));
    if (writes || is_promised) TRY(rootfs::seal_upper(place, planned));
    return store_request(request, place, base, planned.layers);
}

Result<kernel::Message> copy(const CommitRequest& request, const UpperPlace& place, const Base& base, uint64_t since)
{
    const History history = TRY(rootfs::settle_history(place));
    const std::string id = TRY(rootfs::draw_layer_id());
    const History planned = TRY(rootfs::plan_layer(history, id));
    TRY(check_name(request, base, planned));
    auto progress = [&](const std::string& path, const rootfs::Copied&) -> Result<> {
        if (request.looking_at) request.looking_at(place.path + path);
        return {};
    };
    TRY(rootfs::copy_upper(place, id, progress));
    kernel::Message message = store_request(request, place, base, planned.layers);
    message.add("loose", id).add("frozen", static_cast<int64_t>(std::max<uint64_t>(monotonic_now() - since, 1)));
    return message;
}

}  // namespace

Result<kernel::Message> seal_for_commit(const CommitRequest& request, uint64_t since)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const Base base = TRY(observe_base(request));
    return since ? copy(request, place, base, since) : seal(request, place, base);
}

Result<kernel::Message> make_image(const CommitRequest& request, const kernel::Message& sealed)
{
    kernel::Message made = TRY(call_store(sealed, request.looking_at), fmt::format("image '{}'", request.image));
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const History history = TRY(rootfs::read_history(place));
    TRY(rootfs::set_unused_aside(place, history));
    made.add("sweep", rootfs::layers_folder(place));
    if (sealed.has("frozen")) made.add("frozen", sealed.get("frozen"));
    return made;
}

Result<> put_off_commit(const CommitRequest& request)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const Base base = TRY(observe_base(request));
    if (!base.folders.empty() || !place.ours)
        return error(Errc::NotSupported,
                     "the next start of machine '{}' would have to wait for copies of its layers, as they are not of the image store: stop "
                     "it, and commit it then",
                     request.name.text());
    History history = TRY(rootfs::read_history(place));
    if (!history.next_image.empty() && history.next_image != request.image && !request.force)
        return error(Errc::Exists,
                     "machine '{0}' is promised to be image '{1}' at its next start already: 'holmctl commit --at-next-start --force {0} "
                     "{2}' makes '{2}' instead",
                     request.name.text(), history.next_image, request.image);
    const std::string id = TRY(rootfs::draw_layer_id());
    const History planned = TRY(rootfs::plan_layer(history, id));
    TRY(check_name(request, base, planned));
    history.next_image = request.image;
    history.next_force = request.force;
    return rootfs::write_history(place, history);
}

Result<> commit_at_start(const machine::MachineName& name, const machine::Spec& spec,
                         const std::function<void(std::string_view)>& looking_at)
{
    const UpperPlace place = rootfs::place_upper(spec, api::state_path(name));
    History history = TRY(rootfs::settle_history(place));
    if (history.next_image.empty()) return {};
    const CommitRequest request{
        .name = name, .spec = spec, .image = history.next_image, .force = history.next_force, .looking_at = looking_at};
    history.next_image.clear();
    history.next_force = false;
    TRY(rootfs::write_history(place, history));  // one that fails is not tried again
    kernel::Message sealed = TRY(seal_for_commit(request, 0));
    sealed.add("hash", "1");
    auto made = make_image(request, sealed);
    if (made) return {};
    std::ignore = call_store(kernel::Message("clean"), looking_at);  // should the process that did it have been killed
    return made.error();
}

}  // namespace holm::daemon
