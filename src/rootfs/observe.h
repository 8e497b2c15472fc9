// Observes everything about the paths of a machine's root: layers, upper, sources of mounts, its init or its command. Reads; outside.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"
#include "rootfs/facts.h"

namespace holm::rootfs {

struct ObserveInput {
    std::string state;                      // "/var/lib/holm/machines/web"
    std::vector<std::string> image_layers;  // of root.image: folders, topmost first
    bool sealed = false;                    // nobody writes to them: they are of the image store
    std::vector<Disk> disks;                // of the paths that are files with a file system: mounted to look at them
    std::vector<std::string> own_layers;    // layers of the machine's own, over those of the spec; topmost first
    bool shifts_ids = true;                 // the machine has a range of its own: whether each layer can be id-mapped is tried
    int probe_namespace = -1;               // for that, of the caller's (id_map_probe.h)
    std::string zone;                       // that may be wanted, "Europe/Berlin"
    std::string search_path;                // PATH of the payload, for its command
    std::vector<std::string> own_folders;   // of holm, not to be seen inside: "/var/lib/holm"
    std::function<void(std::string_view path)> looking_at;  // told each path of the host before it is touched
};

// The facts of spec's root. May block on a dead file system; needs
// CAP_SYS_ADMIN where shifts_ids. Errors: NotFound, Invalid (not a folder): with the path, the key and where it was written.
Result<Facts> observe(const machine::Spec& spec, const ObserveInput& input);

// The path of the image of a bare name: a folder, or a file with an ending of image_endings. Errors: NotFound, which names every place that
// was tried.
Result<std::string> find_image(const std::string& name, const std::vector<std::string>& places);

// That nothing in `places` is, or could become, an image of that name; a link to nothing is there too. Waits for no file server.
// Errors: Exists, with what is there.
Result<> check_no_image(std::string_view name, const std::vector<std::string>& places);

}  // namespace holm::rootfs
