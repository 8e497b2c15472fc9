// The digests of layers that were sealed before anybody had hashed them. Applies.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// Each of the layers has its digest then: what it takes is computed, or waited for where somebody else computes it. Its content is on disk
// before its digest is. Errors: Busy (cancelled).
Result<> hash_layers(const Job& job, const image::Store& store, const std::vector<std::string>& layers);

// All that are in the store.
Result<kernel::Message> hash_all(const Job& job, const image::Store& store);

}  // namespace holm::store
