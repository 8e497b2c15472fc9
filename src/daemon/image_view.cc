#include "daemon/image_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <cstdlib>

#include <systemd/sd-bus.h>

#include "api/names.h"
#include "base/handle.h"
#include "daemon/image_root.h"
#include "image/identifiers.h"
#include "machine/identifiers.h"

namespace holm::daemon {

namespace {

constexpr std::string_view raw_ending = ".raw";
constexpr uint64_t microseconds = 1000000;

uint64_t time_of(const statx_timestamp& time)
{
    return static_cast<uint64_t>(time.tv_sec) * microseconds + time.tv_nsec / 1000;
}

// As machined has them: a folder, or a file with ".raw" behind its name. A file server that is dead is not waited for.
std::optional<ImageView> read_plain(const std::string& place, const std::string& file)
{
    ImageView view{.path = place + "/" + file};
    struct statx status;
    if (::statx(AT_FDCWD, view.path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME,
                &status))
        return {};
    const bool raw = S_ISREG(status.stx_mode) && file.ends_with(raw_ending);
    if (!raw && !S_ISDIR(status.stx_mode) && !S_ISLNK(status.stx_mode)) return {};
    auto name = machine::parse_file_name(raw ? file.substr(0, file.size() - raw_ending.size()) : file);
    if (!name) return {};
    view.name = std::move(*name);
    view.type = raw ? "raw" : "directory";
    view.read_only = raw && (status.stx_mode & 0222) == 0;
    if (status.stx_mask & STATX_BTIME) view.created = time_of(status.stx_btime);
    view.modified = time_of(status.stx_mtime);
    if (raw) view.usage = status.stx_blocks * 512;
    return view;
}

}  // namespace

std::optional<ImageView> Images::read_stored(const std::string& reference)
{
    const image::Store store;
    auto text = read_regular_file(store.name(reference), image::max_manifest);
    if (!text) return {};
    auto named = image::parse_name(*text, store.name(reference));
    if (!named) return {};
    auto known = manifests_.find(named->manifest);
    if (known == manifests_.end()) {
        auto manifest = store.read_manifest(named->manifest);
        if (!manifest) return {};
        known = manifests_.emplace(named->manifest, std::move(*manifest)).first;
    }
    const uint64_t created = known->second.created * microseconds;
    uint64_t usage = known->second.size;
    for (const std::string& id : known->second.layers)  // those that were sealed had no size yet as the manifest was written
        if (auto info = image::is_drawn(id) ? store.read_layer(id) : Result<image::LayerInfo>(Error())) usage += info->size;
    return ImageView{.name = reference,
                     .type = "layers",
                     .path = store.name(reference),
                     .read_only = named->read_only,
                     .created = created,
                     .modified = created,
                     .usage = usage,
                     .digest = named->manifest,
                     .manifest = known->second};
}

std::vector<ImageView> Images::list()
{
    std::map<std::string, ImageView> found;
    for (const std::string& place : image_places()) {
        Handle<DIR, ::closedir> listing(::opendir(place.c_str()));
        while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr)
            if (entry->d_name[0] != '.')
                if (auto view = read_plain(place, entry->d_name)) found.try_emplace(view->name, *view);
    }
    if (auto names = image::Store().names())
        for (const std::string& name : *names)
            if (auto view = read_stored(name)) found.insert_or_assign(name, std::move(*view));
    std::vector<ImageView> all;
    for (auto& [name, view] : found) all.push_back(std::move(view));
    return all;
}

std::optional<ImageView> Images::find(const std::string& name)
{
    if (auto parsed = image::parse_image_name(name))
        if (auto view = read_stored(*parsed)) return view;
    if (!machine::parse_file_name(name)) return {};
    for (const std::string& place : image_places())
        for (const std::string& file : {name, name + std::string(raw_ending)})
            if (auto view = read_plain(place, file); view && view->name == name) return view;
    return {};
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
