#include "store/upkeep.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/folder.h"
#include "base/handle.h"
#include "base/text.h"
#include "image/identifiers.h"
#include "image/layer_digest.h"
#include "image/measure.h"
#include "image/sha256.h"
#include "store/finish_image.h"
#include "store/landing.h"
#include "store/layer_index.h"
#include "store/references.h"

namespace holm::store {

namespace {

// Items of an answer: a message is bounded.
constexpr size_t most_items = 1500;

void add_item(kernel::Message& answer, const char* key, const std::string& text)
{
    if (answer.fields.size() < most_items) answer.add(key, text);
    else if (answer.fields.size() == most_items) answer.add("more", "1");
}

uint64_t size_of_layer(const image::Store& store, const std::string& id)
{
    auto info = store.read_layer(id);
    return info ? info->size : 0;
}

// The digests of all manifests, whether a name leads to them or not.
Result<std::vector<std::string>> list_manifests(const image::Store& store)
{
    std::vector<std::string> digests;
    Handle<DIR, ::closedir> listing(::opendir(store.manifests().c_str()));
    if (!listing && errno == ENOENT) return digests;
    if (!listing) return sys_error("cannot list '{}'", store.manifests());
    while (const dirent* entry = ::readdir(listing.get())) {
        std::string_view name = entry->d_name;
        if (!name.ends_with(".toml")) continue;
        name.remove_suffix(5);
        if (auto digest = image::parse_digest(fmt::format("sha256:{}", name))) digests.push_back(std::move(*digest));
    }
    return digests;
}

bool is_dry(const Job& job)
{
    return job.request().get("dry_run") == "1";
}

// -- fsck ---------------------------------------------------------------------------------------------------------------------------

void check_manifest(const image::Store& store, const std::string& digest, const std::string& who, kernel::Message& answer)
{
    auto text = read_regular_file(store.manifest(digest), image::max_manifest);
    if (!text) return add_item(answer, "problem", fmt::format("{}: {}", who, text.error().text));
    if (image::digest_of(*text) != digest)
        return add_item(answer, "problem", fmt::format("{}: the manifest '{}' has another content", who, store.manifest(digest)));
    auto manifest = image::parse_manifest(*text, store.manifest(digest));
    if (!manifest) return add_item(answer, "problem", fmt::format("{}: {}", who, manifest.error().text));
    for (const std::string& id : manifest->layers)
        if (auto checked = store.check_layer(id); !checked) add_item(answer, "problem", fmt::format("{}: {}", who, checked.error().text));
}

Result<> check_names(const image::Store& store, kernel::Message& answer)
{
    for (const std::string& name : TRY(store.names())) {
        const std::string who = fmt::format("image '{}'", name);
        auto named = store.read_name(name);
        if (named) check_manifest(store, named->manifest, who, answer);
        else add_item(answer, "problem", fmt::format("{}: {}", who, named.error().text));
    }
    return {};
}

// Layers of the machine's own that were committed.
void check_committed(const image::Store& store, const machine::MachineName& machine, kernel::Message& answer)
{
    for (const std::string& id : committed_layers(store, machine))
        if (auto trees = store.trees({id}); !trees)
            add_item(answer, "problem", fmt::format("machine '{}': {}", machine.text(), trees.error().text));
}

Result<> check_stacks(const image::Store& store, kernel::Message& answer)
{
    const std::string place = fmt::format("{}/machines", store.state());
    Handle<DIR, ::closedir> listing(::opendir(place.c_str()));
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
        auto name = machine::parse_name(entry->d_name);
        if (!name) continue;
        check_committed(store, *name, answer);
        auto stack = store.read_stack(*name);
        if (!stack && stack.error().sys_errno == ENOENT) continue;
        if (!stack) add_item(answer, "problem", fmt::format("machine '{}': {}", name->text(), stack.error().text));
        else if (auto trees = store.trees(stack->layers); !trees)
            add_item(answer, "problem", fmt::format("machine '{}': {}", name->text(), trees.error().text));
        if (!stack) continue;
        for (const std::string& digest : stack->others) check_manifest(store, digest, fmt::format("machine '{}'", name->text()), answer);
    }
    return {};
}

Result<> hash_layer(const Job& job, const image::Store& store, const std::string& id, const image::LayerInfo& info, kernel::Message& answer)
{
    if (info.digest.empty()) return {};
    Fd tree = TRY(open_file(store.tree(id), O_RDONLY | O_DIRECTORY));
    const image::Summary summary =
        TRY(image::digest_layer(tree.get(), [&](uint64_t) { return job.go_on(); }), fmt::format("layer '{}'", id));
    const bool is_whole = "sha256:" + summary.hex == info.digest;
    if (is_whole) {
        ::unlink(store.damage_mark(id).c_str());
        return {};
    }
    TRY(open_file(store.damage_mark(id), O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
    add_item(answer, "problem",
             fmt::format("layer '{}' has another content: its digest is sha256:{}; an import of its image replaces it", id, summary.hex));
    return {};
}

Result<> check_layer(const Job& job, const image::Store& store, const std::string& id, kernel::Message& answer)
{
    if (auto checked = store.check_layer(id); !checked) add_item(answer, "problem", checked.error().text);
    else if (job.request().get("deep") == "1") return hash_layer(job, store, id, TRY(store.read_layer(id)), answer);
    return {};
}

// What a machine has written: its upper, and what was sealed of that and is no layer of the store. None: it has no upper.
std::optional<uint64_t> measure_writes(const Job& job, const std::string& folder)
{
    std::optional<uint64_t> all;
    for (const char* part : {"upper", "layers"}) {
        auto tree = open_file(fmt::format("{}/{}", folder, part), O_RDONLY | O_DIRECTORY);
        auto bytes = tree ? image::measure_tree(tree->get(), [&](uint64_t) { return job.go_on(); }) : Result<uint64_t>(tree.error());
        if (bytes) all = all.value_or(0) + *bytes;
    }
    return all;
}

}  // namespace

Result<kernel::Message> prune(const Job& job, const image::Store& store)
{
    kernel::Message answer("ok");
    {
        auto hold = TRY(store.lock(image::Holding::Alone));
        const References references = TRY(observe_references(store));
        for (const std::string& digest : TRY(list_manifests(store))) {
            if (references.manifests.contains(digest)) continue;
            add_item(answer, "item", fmt::format("manifest {} 0", digest));
            if (!is_dry(job) && ::unlink(store.manifest(digest).c_str())) return sys_error("cannot remove the manifest '{}'", digest);
        }
        for (const std::string& id : TRY(list_layers(store))) {
            if (references.layers.contains(id)) continue;
            add_item(answer, "item", fmt::format("layer {} {}", id, size_of_layer(store, id)));
            if (!is_dry(job)) TRY(drop_layer(store, id));
        }
    }
    if (!is_dry(job)) TRY(clean(store));
    return answer;
}

Result<kernel::Message> observe_usage(const Job& job, const image::Store& store)
{
    kernel::Message answer("ok");
    std::map<std::string, image::Manifest> images;
    std::map<std::string, unsigned> users;  // of each layer
    for (const std::string& name : TRY(store.names()))
        if (auto image = store.find(name)) images[name] = std::move(image->manifest);
    for (auto& [name, manifest] : images)
        for (const std::string& id : manifest.layers) ++users[id];
    for (auto& [name, manifest] : images) {
        uint64_t all = 0, own = 0;
        for (const std::string& id : manifest.layers) {
            const uint64_t size = size_of_layer(store, id);
            all += size;
            if (users[id] == 1) own += size;
        }
        add_item(answer, "item", fmt::format("image {} {} {}", name, all, own));
    }
    const std::string place = fmt::format("{}/machines", store.state());
    for (const std::string& name : names_in(place)) {
        if (!machine::parse_name(name)) continue;
        const auto bytes = measure_writes(job, fmt::format("{}/{}", place, name));
        if (bytes) add_item(answer, "item", fmt::format("machine {} {} {}", name, *bytes, *bytes));
    }
    return answer;
}

Result<kernel::Message> check_store(const Job& job, const image::Store& store)
{
    kernel::Message answer("ok");
    Fd hold = TRY(store.lock(image::Holding::Shared));
    TRY(check_names(store, answer));
    TRY(check_stacks(store, answer));
    const auto layers = TRY(list_layers(store));
    hold.reset();  // hashing takes long
    for (const std::string& id : layers) TRY(check_layer(job, store, id, answer));
    return answer;
}

Result<kernel::Message> clone_image(const Job& job, const image::Store& store)
{
    const Target target{.name = TRY(image::parse_image_name(job.request().get("new_name"))),
                        .read_only = job.request().get("read_only") == "1"};
    auto hold = TRY(store.lock(image::Holding::Alone));
    const image::Stored image = TRY(store.find(job.request().get("name")));
    TRY(check_target(store, target));
    TRY(write_name(store, target.name, {.manifest = image.digest, .read_only = target.read_only}));
    return kernel::Message("ok");
}

Result<kernel::Message> mark_read_only(const Job& job, const image::Store& store)
{
    auto hold = TRY(store.lock(image::Holding::Alone));
    const std::string name = TRY(image::parse_image_name(job.request().get("name")));
    const image::Stored image = TRY(store.find(name));
    TRY(write_name(store, image.name, {.manifest = image.digest, .read_only = job.request().get("read_only") == "1"}));
    return kernel::Message("ok");
}

}  // namespace holm::store
