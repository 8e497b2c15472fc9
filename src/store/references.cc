#include "store/references.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/folder.h"
#include "base/handle.h"
#include "base/text.h"
#include "image/identifiers.h"
#include "image/stack.h"
#include "kernel/definition_files.h"
#include "launch/plan_file.h"
#include "machine/spec_file.h"

namespace holm::store {

namespace {

using machine::MachineName;

// The machines that have a folder in `place`.
Result<std::vector<MachineName>> machines_in(const std::string& place)
{
    std::vector<MachineName> names;
    Handle<DIR, closedir> listing(::opendir(place.c_str()));
    if (!listing && errno == ENOENT) return names;
    if (!listing) return sys_error("cannot list '{}'", place);
    while (const dirent* entry = ::readdir(listing.get()))
        if (auto name = machine::parse_name(entry->d_name)) names.push_back(std::move(*name));
    return names;
}

// The ids of the store's layers among the paths of a plan.
std::vector<std::string> layers_of_plan(const image::Store& store, const std::string& path)
{
    std::vector<std::string> ids;
    auto text = read_regular_file(path, launch::max_plan_file);
    if (!text) return ids;
    const std::string place = store.layers() + "/";
    for (size_t at = 0; (at = text->find(place, at)) != text->npos;) {
        at += place.size();
        const size_t end = text->find('/', at);
        if (end == text->npos) break;
        if (auto id = image::parse_layer_id(std::string_view(*text).substr(at, end - at))) ids.push_back(std::move(*id));
    }
    return ids;
}

// Of one that was started by the image's name, and has no more than its state.
bool is_only_image(const image::Store& store, const MachineName& name, const image::Stored& image)
{
    if (name.text() != image.name) return false;
    const std::string folders[] = {api::runtime_path(name), fmt::format("{}/machines/{}", store.state(), name.text())};
    auto has_record = [](const std::string& folder) { return exists(folder + "/record.toml"); };
    const auto stack = store.read_stack(name);
    return (!stack || stack->reference == image.name) && !kernel::find_definition(name) && std::ranges::none_of(folders, has_record);
}

std::string lies_on_it(const image::Store& store, const MachineName& name, const image::Stored& image)
{
    if (is_only_image(store, name, image)) return image::describe_started_by_name(name.text());
    return fmt::format("machine '{}' lies on it", name.text());
}

// What other names lead to.
struct Others {
    std::set<std::string> layers;
    bool same_image = false;
};

Result<Others> observe_others(const image::Store& store, const image::Stored& image)
{
    Others others;
    for (const std::string& name : TRY(store.names())) {
        auto other = name == image.name ? Result<image::Stored>(error(Errc::NotFound, "itself")) : store.find(name);
        if (!other) continue;
        others.layers.insert(other->manifest.layers.begin(), other->manifest.layers.end());
        others.same_image |= other->digest == image.digest;
    }
    return others;
}

bool leads_to(const std::string& text, const image::Stored& image)
{
    auto reference = image::parse_reference(text);
    return reference && (*reference == image.name || *reference == image.digest);
}

bool names_image(const machine::Spec& spec, const image::Stored& image)
{
    return leads_to(spec.root.image, image) || std::ranges::any_of(spec.mounts, [&](const machine::MountSpec& mount) {
               return mount.type == machine::MountType::Image && leads_to(mount.source, image);
           });
}

bool is_below(const image::Stack& stack, const image::Stored& image)
{
    return image.digest.empty() ? leads_to(stack.reference, image) : image::lies_on(stack, image.digest);
}

void find_definitions(const image::Store& store, const image::Stored& image, std::vector<std::string>& found)
{
    auto defined = kernel::list_definitions();
    if (!defined) return;
    for (const MachineName& name : *defined) {
        auto definition = kernel::read_definition(name);
        if (definition && names_image(definition->spec, image))
            found.push_back(fmt::format("the definition of machine '{}' names it", name.text()));
    }
    auto recorded = machines_in(fmt::format("{}/machines", store.state()));
    if (!recorded) return;
    for (const MachineName& name : *recorded) {
        const std::string path = fmt::format("{}/machines/{}/record.toml", store.state(), name.text());
        auto text = read_regular_file(path);
        if (!text) continue;
        const machine::Source source{path, std::move(*text)};
        auto spec = machine::parse_spec(name, std::span(&source, 1));
        if (spec && names_image(*spec, image)) found.push_back(fmt::format("the record of machine '{}' names it", name.text()));
    }
}

}  // namespace

std::vector<std::string> committed_layers(const image::Store& store, const MachineName& name)
{
    std::vector<std::string> ids;
    const std::string place = fmt::format("{}/machines/{}/layers", store.state(), name.text());
    Handle<DIR, closedir> listing(::opendir(place.c_str()));
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
        struct stat status;
        auto id = image::parse_layer_id(image::id_of_sealed(entry->d_name));
        if (id && ::lstat(fmt::format("{}/{}", place, entry->d_name).c_str(), &status) == 0 && S_ISLNK(status.st_mode))
            ids.push_back(std::move(*id));
    }
    return ids;
}

Result<std::vector<MachineName>> machines_on(const image::Store& store, std::string_view layer)
{
    std::vector<MachineName> found;
    for (MachineName& name : TRY(machines_in(api::runtime_machines_folder))) {
        const auto layers = layers_of_plan(store, api::plan_path(name));
        if (std::ranges::find(layers, layer) != layers.end()) found.push_back(std::move(name));
    }
    return found;
}

Result<References> observe_references(const image::Store& store)
{
    References references;
    for (const std::string& name : TRY(store.names())) references.manifests.insert(TRY(store.find(name), "references of images").digest);
    for (const MachineName& name : TRY(machines_in(fmt::format("{}/machines", store.state())))) {
        for (std::string& id : committed_layers(store, name)) references.layers.insert(std::move(id));
        auto stack = store.read_stack(name);
        if (!stack && stack.error().sys_errno == ENOENT) continue;
        if (!stack) return stack.error();
        references.layers.insert(stack->layers.begin(), stack->layers.end());
        if (!stack->manifest.empty() && store.read_manifest(stack->manifest)) references.manifests.insert(stack->manifest);
        references.manifests.insert(stack->others.begin(), stack->others.end());
    }
    for (const std::string& digest : references.manifests) {
        const image::Manifest manifest = TRY(store.read_manifest(digest));
        references.layers.insert(manifest.layers.begin(), manifest.layers.end());
    }
    for (const MachineName& name : TRY(machines_in(api::runtime_machines_folder)))
        for (std::string& id : layers_of_plan(store, api::plan_path(name))) references.layers.insert(std::move(id));
    return references;
}

Result<std::vector<std::string>> find_dependants(const image::Store& store, const image::Stored& image)
{
    std::vector<std::string> found;
    find_definitions(store, image, found);
    const Others others = TRY(observe_others(store, image));
    // Of a machine without a stack of its own, which keeps nothing, the plan alone tells while it runs.
    auto is_only_here = [&](const std::string& layer) {
        return std::ranges::find(image.manifest.layers, layer) != image.manifest.layers.end() && !others.layers.contains(layer);
    };
    for (const MachineName& name : TRY(machines_in(fmt::format("{}/machines", store.state())))) {
        auto stack = store.read_stack(name);
        if (is_only_image(store, name, image) || (!others.same_image && stack && is_below(*stack, image)))
            found.push_back(lies_on_it(store, name, image));
    }
    for (const MachineName& name : TRY(machines_in(api::runtime_machines_folder)))
        if (!store.read_stack(name) && std::ranges::any_of(layers_of_plan(store, api::plan_path(name)), is_only_here))
            found.push_back(lies_on_it(store, name, image));
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

}  // namespace holm::store
