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
    std::string type;  // "layers" (of the store), "directory", "raw"
    std::string path;
    bool read_only = false;
    uint64_t created = 0, modified = 0;  // µs since 1970, 0 = not known
    uint64_t usage = UINT64_MAX;         // bytes; UINT64_MAX = not known
    std::string digest;                  // of the store
    std::optional<image::Manifest> manifest;
};

// The images there are. Manifests are read once: they never change.
class Images {
public:
    // Sorted by name; one of /var/lib/holm/images hides one of /var/lib/machines.
    std::vector<ImageView> list();
    // Empty: there is none.
    std::optional<ImageView> find(const std::string& name);

private:
    std::optional<ImageView> read_stored(const std::string& reference);
    std::map<std::string, image::Manifest> manifests_;  // by digest
};

std::string image_path(const std::string& name);  // "/org/holm1/image/debian_2d12"

}  // namespace holm::daemon
