// Work on bytes of others, done by a confined child (image/confine) whose root is the folder of a new layer. Applies: makes a process.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/error.h"
#include "kernel/message.h"
#include "store/job.h"
#include "store/landing.h"

namespace holm::store {

// What may come of an archive, so that it does not fill the file system of the store.
struct Limits {
    uint64_t bytes = 0, entries = 0;
};
Result<Limits> observe_limits(int folder);

// In the child: says how far it is, and gives the message "ok" with what came of it.
using Told = std::function<void(uint64_t bytes)>;
using ConfinedWork = std::function<Result<kernel::Message>(const Told& progress)>;

// `kept`: the descriptors that the work needs, none of them a folder's, which would lead out. `total`: bytes, where that is known.
// Errors: those of the work; Busy (cancelled), Failed.
Result<kernel::Message> work_confined(const Job& job, const Incoming& incoming, std::vector<int> kept, uint64_t total,
                                      const ConfinedWork& work);

}  // namespace holm::store
