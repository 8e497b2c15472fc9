// commit: what was sealed of a machine's upper becomes layers of the store, and an image of them and what they lie on. Applies.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request: name, force, read_only, origin; `layer`: ids in the folder `folder`, topmost first, which are moved from there (move = 1) or
// copied, `loose`: the one of them that nothing in that folder is to refer to; below them `base`: ids of the store, or `lower`: folders of
// the host, which are copied; `config`: digest of the image whose config it has; `hash` (1): the digests are computed when it has answered.
// An image of the name is replaced where `force` is set or all of its layers are in the new one. The answer: digest. What fails leaves
// nothing but layers that were moved.
Result<kernel::Message> commit_machine(const Job& job, const image::Store& store);

}  // namespace holm::store
