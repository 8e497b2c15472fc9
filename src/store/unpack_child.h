// A tar archive unpacked into the folder of a new layer by a confined child (image/confine). Applies: makes a process.
#pragma once

#include "base/error.h"
#include "image/unpack.h"
#include "store/job.h"
#include "store/landing.h"

namespace holm::store {

// Its folders have their times and marks when it returns; nothing is synced. `names`: where the files that are whole are told of
// (store/digest_child.h); -1: nowhere. Errors: Invalid (the archive), Busy (cancelled), Failed.
Result<image::Unpacked> unpack_confined(const Job& job, const Incoming& incoming, int archive, image::Whiteouts whiteouts, int names = -1);

}  // namespace holm::store
