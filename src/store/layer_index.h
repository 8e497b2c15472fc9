// Which layers the store has of OCI images, and the hash of a file as it lies there. Observes.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// Ids of layers by their diff_id. A layer whose file is damaged is left out.
Result<std::map<std::string, std::string>> index_layers(const image::Store& store);
// The ids of all layers.
Result<std::vector<std::string>> list_layers(const image::Store& store);

// "sha256:…" of a whole file.
Result<std::string> digest_file(const Job& job, int file);

}  // namespace holm::store
