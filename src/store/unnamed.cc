#include "store/unnamed.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/text.h"
#include "image/identifiers.h"
#include "store/landing.h"
#include "store/layer_index.h"
#include "store/references.h"

namespace holm::store {

namespace {

constexpr const char* mark = "unnamed";                      // layers/ID/unnamed
constexpr std::string_view manifest_mark = ".toml.unnamed";  // .manifests/HEX.toml.unnamed
constexpr std::string_view torn = ".toml.new";               // of replace_file, which did not come to rename it

std::string mark_of_layer(const image::Store& store, std::string_view id)
{
    return fmt::format("{}/{}", store.layer(id), mark);
}

std::string mark_of_manifest(const image::Store& store, std::string_view digest)
{
    return store.manifest(digest) + ".unnamed";
}

std::vector<std::string> list_marked_layers(const image::Store& store)
{
    std::vector<std::string> marked;
    if (auto layers = list_layers(store))
        for (std::string& id : *layers)
            if (::access(mark_of_layer(store, id).c_str(), F_OK) == 0) marked.push_back(std::move(id));
    return marked;
}

std::vector<std::string> list_files(const std::string& folder, std::string_view ending)
{
    std::vector<std::string> names;
    Handle<DIR, ::closedir> listing(::opendir(folder.c_str()));
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr)
        if (std::string_view(entry->d_name).ends_with(ending)) names.emplace_back(entry->d_name);
    return names;
}

std::vector<std::string> list_marked_manifests(const image::Store& store)
{
    std::vector<std::string> marked;
    for (const std::string& name : list_files(store.manifests(), manifest_mark)) {
        const std::string_view hex(name.data(), name.size() - manifest_mark.size());
        if (auto digest = image::parse_digest(fmt::format("sha256:{}", hex))) marked.push_back(std::move(*digest));
    }
    return marked;
}

}  // namespace

Result<> mark_layer(int folder)
{
    TRY(open_at(folder, mark, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
    return {};
}

Result<> mark_manifest(const image::Store& store, std::string_view digest)
{
    TRY(open_file(mark_of_manifest(store, digest), O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
    return {};
}

Result<> mark_leaving(const image::Store& store, const image::Stored& image)
{
    TRY(mark_manifest(store, image.digest));
    for (const std::string& id : image.manifest.layers)
        if (auto folder = open_file(store.layer(id), O_PATH | O_DIRECTORY | O_NOFOLLOW)) TRY(mark_layer(folder->get()));
    return {};
}

void note_named(const image::Store& store, std::string_view digest, const std::vector<std::string>& layers)
{
    ::unlink(mark_of_manifest(store, digest).c_str());
    for (const std::string& id : layers) ::unlink(mark_of_layer(store, id).c_str());
}

bool has_unnamed(const image::Store& store)
{
    return !list_marked_manifests(store).empty() || !list_marked_layers(store).empty();
}

void remove_torn(const image::Store& store)
{
    for (const std::string& folder : {store.images(), store.manifests()})
        for (const std::string& name : list_files(folder, torn)) ::unlink(fmt::format("{}/{}", folder, name).c_str());
}

Result<> drop_unnamed(const image::Store& store)
{
    const std::vector<std::string> manifests = list_marked_manifests(store), layers = list_marked_layers(store);
    if (manifests.empty() && layers.empty()) return {};
    const References references = TRY(observe_references(store));
    for (const std::string& digest : manifests) {
        if (!references.manifests.contains(digest)) ::unlink(store.manifest(digest).c_str());
        ::unlink(mark_of_manifest(store, digest).c_str());
    }
    for (const std::string& id : layers)
        if (references.layers.contains(id)) ::unlink(mark_of_layer(store, id).c_str());
        else TRY(drop_layer(store, id));
    return {};
}

}  // namespace holm::store
