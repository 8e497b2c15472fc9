#include "daemon/image_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <cstdlib>
#include <set>

#include <systemd/sd-bus.h>

#include "api/names.h"
#include "base/folder.h"
#include "base/handle.h"
#include "daemon/image_root.h"
#include "image/identifiers.h"
#include "machine/identifiers.h"
#include "rootfs/observe_folder.h"

namespace holm::daemon {

namespace {

constexpr uint64_t microseconds = 1000000;

uint64_t time_of(const statx_timestamp& time)
{
    return static_cast<uint64_t>(time.tv_sec) * microseconds + time.tv_nsec / 1000;
}

// Of a disk image; "" of another file.
std::string_view ending_of(std::string_view file)
{
    for (std::string_view ending : rootfs::image_endings)
        if (file.ends_with(ending)) return ending;
    return {};
}

// As machined has them: a folder, or a file with ".raw", or another ending of a disk image, behind its name. A file server that is dead is
// not waited for.
std::optional<ImageView> read_plain(const std::string& place, const std::string& file)
{
    ImageView view{.path = place + "/" + file};
    struct statx status;
    if (::statx(AT_FDCWD, view.path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME,
                &status))
        return {};
    const bool regular = S_ISREG(status.stx_mode), link = S_ISLNK(status.stx_mode);
    const std::string_view ending = regular || link ? ending_of(file) : "";
    if (!S_ISDIR(status.stx_mode) && !link && ending.empty()) return {};
    auto name = machine::parse_file_name(std::string_view(file).substr(0, file.size() - ending.size()));
    if (!name) return {};
    view.name = std::move(*name);
    view.type = ending.empty() ? "directory" : "raw";
    view.read_only = regular && (status.stx_mode & 0222) == 0;
    if (status.stx_mask & STATX_BTIME) view.created = time_of(status.stx_btime);
    view.modified = time_of(status.stx_mtime);
    if (regular) view.usage = status.stx_blocks * 512;
    return view;
}

}  // namespace

std::optional<ImageView> find_plain(const std::string& name)
{
    std::vector<std::string> files = {name};
    for (std::string_view ending : rootfs::image_endings) files.push_back(name + std::string(ending));
    for (const std::string& place : image_places())
        for (const std::string& file : files)
            if (auto view = read_plain(place, file); view && view->name == name) return view;
    return {};
}

const image::Manifest* Images::read_manifest(const std::string& digest)
{
    auto known = manifests_.find(digest);
    if (known != manifests_.end()) return &known->second;
    auto manifest = image::Store().read_manifest(digest);
    return manifest ? &manifests_.emplace(digest, std::move(*manifest)).first->second : nullptr;
}

std::optional<ImageView> Images::view_of(const std::string& name, const std::string& path, const image::Name& named)
{
    const image::Manifest* manifest = read_manifest(named.manifest);
    if (!manifest) return {};
    const image::Store store;
    const uint64_t created = manifest->created * microseconds;
    uint64_t usage = manifest->size;
    for (const std::string& id : manifest->layers)  // those that were sealed had no size yet as the manifest was written
        if (auto info = image::is_drawn(id) ? store.read_layer(id) : Result<image::LayerInfo>(Error())) usage += info->size;
    return ImageView{.name = name,
                     .type = "layers",
                     .path = path,
                     .read_only = named.read_only,
                     .created = created,
                     .modified = created,
                     .usage = usage,
                     .digest = named.manifest,
                     .manifest = *manifest};
}

std::vector<ImageView> Images::list()
{
    std::set<std::string> names;
    for (const std::string& place : image_places()) {
        Handle<DIR, ::closedir> listing(::opendir(place.c_str()));
        while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr)
            if (entry->d_name[0] != '.')
                if (auto view = read_plain(place, entry->d_name)) names.insert(std::move(view->name));
    }
    if (auto stored = image::Store().names()) names.insert(stored->begin(), stored->end());
    std::vector<ImageView> all;
    for (const std::string& name : names)
        if (auto view = find(name)) all.push_back(std::move(*view));
    return all;
}

std::optional<ImageView> Images::find(const std::string& name)
{
    const image::Store store;
    if (auto parsed = image::parse_image_name(name)) {
        const std::string path = store.name(*parsed);
        if (auto named = store.read_name(*parsed)) return view_of(*parsed, path, *named);
        if (exists(path)) return {};
    }
    return machine::parse_file_name(name) ? find_plain(name) : std::nullopt;
}

std::optional<ImageView> Images::find_digest(const std::string& digest)
{
    const image::Store store;
    if (!image::is_digest(digest) || !exists(store.manifest(digest))) return {};
    for (const std::string& name : store.names().value_or(std::vector<std::string>()))
        if (auto named = store.read_name(name); named && named->manifest == digest) return view_of(name, store.name(name), *named);
    return view_of(digest, store.manifest(digest), {.manifest = digest});
}

std::string image_path(const std::string& name)
{
    char* path = nullptr;
    if (sd_bus_path_encode(api::images_path, name.c_str(), &path) < 0) return api::images_path;
    std::string text = path;
    ::free(path);
    return text;
}

}  // namespace holm::daemon
