// Who refers to what in the image store, derived each time from the files that say so. Observes.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "image/store.h"

namespace holm::store {

struct References {
    std::set<std::string> manifests;  // digests that a name, or the stack of a machine, leads to
    std::set<std::string> layers;     // ids that one of those, a stack or the plan of a machine has
};
Result<References> observe_references(const image::Store& store);

// The layers that were sealed of a machine's upper and committed since: what is left of them with the machine is links.
std::vector<std::string> committed_layers(const image::Store& store, const machine::MachineName& machine);

// The machines that run on the layer.
Result<std::vector<machine::MachineName>> machines_on(const image::Store& store, std::string_view layer);

// Why a name of an image cannot go: "machine 'web' lies on it", one each: the definitions and records that have it; and where it is the
// image's last name, the machines whose upper was made on it. Those too that run on layers that no other name leads to. Of a damaged one,
// whose digest or layers nobody knows, what its name alone tells.
Result<std::vector<std::string>> find_dependants(const image::Store& store, const image::Stored& image);

}  // namespace holm::store
