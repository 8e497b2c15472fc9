// ImageView: an image as clients see it: of the store, a plain folder, or a disk image. Reads files of holm and the listing of
// /var/lib/machines; nothing is resolved below an image.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "image/store.h"

namespace holm::daemon {

struct ImageView {
    std::string name;
    std::string type;  // "layers" (of the store), "directory", "raw" (a disk image, whatever its ending)
    std::string path;
    bool read_only = false;
    uint64_t created = 0, modified = 0;  // µs since 1970, 0 = not known
    uint64_t usage = UINT64_MAX;         // bytes; UINT64_MAX = not known
    std::string digest;                  // of the store
    std::optional<image::Manifest> manifest;
};

// Of a folder or a disk image, as rootfs::find_image looks for it.
std::optional<ImageView> find_plain(const std::string& name);

// The images there are. Manifests are read once: they never change.
class Images {
public:
    // Sorted by name; one of /var/lib/holm/images hides one of /var/lib/machines.
    std::vector<ImageView> list();
    // Empty: there is none, or the store's of that name is damaged.
    std::optional<ImageView> find(const std::string& name);
    // Of the store, by a name that leads to it where there is one.
    std::optional<ImageView> find_digest(const std::string& digest);

private:
    const image::Manifest* read_manifest(const std::string& digest);  // null: it cannot be read
    std::optional<ImageView> view_of(const std::string& name, const std::string& path, const image::Name& named);
    std::map<std::string, image::Manifest> manifests_;  // by digest
};

std::string image_path(const std::string& name);  // "/org/holm1/image/debian_2d12"

}  // namespace holm::daemon
