// The last steps of every import: hash and sync a layer, write the manifest, give it its name. Applies.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "image/store.h"
#include "store/digest_child.h"
#include "store/job.h"
#include "store/landing.h"

namespace holm::store {

// The name that an image is to get.
struct Target {
    std::string name;
    bool force = false;  // it is taken from the image that has it now
    bool read_only = false;
};
Result<Target> read_target(const kernel::Message& request);
// Errors: Exists, where the name is another's and `force` is not set, or a plain image's, which the new one would hide; Denied, where the
// other is read-only.
Result<> check_target(const image::Store& store, const Target& target);

// check-name, the request: name, force. Whether an import could give an image the name now. Errors: as of check_target; Invalid.
Result<kernel::Message> check_name(const Job& job, const image::Store& store);

// os-release(5) of a root; empty where it has none.
std::map<std::string, std::string> read_os_release(int tree);

// The same of the topmost of the layers that has one.
std::map<std::string, std::string> read_os_release_of(const image::Store& store, const std::vector<std::string>& layers);

// Writes the manifest, whose time is now, and gives it the name; what only the image that had it needed is dropped. The caller holds the
// store's lock alone. Gives the digest.
Result<std::string> name_image(const image::Store& store, const Target& target, image::Manifest manifest);

// The tree of `incoming` becomes a layer and an image of it. The answer to the job: digest, layer, size, entries.
Result<kernel::Message> finish_layer(const Job& job, const image::Store& store, const Target& target, Incoming incoming,
                                     DigestChild digest);

}  // namespace holm::store
