// commit: the files of a machine as an image. In a child of holmd; what is of the store is done by holm-store. Observes and applies;
// outside.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kernel/message.h"
#include "machine/name.h"
#include "machine/spec.h"

namespace holm::daemon {

struct CommitRequest {
    machine::MachineName name;
    machine::Spec spec;
    std::string image;
    bool force = false;  // replaces an image that has another origin
    std::function<void(std::string_view path)> looking_at;
};

// The upper becomes a layer that nobody writes any more: of a machine that does not run by a rename; of one that stands still `since` (µs,
// CLOCK_MONOTONIC; 0: it does not run) by a copy.
// Gives what make_image asks of the store. Errors: Exists, Denied (the image's name); NotFound (the image that the machine lies on);
// NotSupported (it keeps no changes; too many layers).
Result<kernel::Message> seal_for_commit(const CommitRequest& request, uint64_t since);
// Layers and image. Gives the image's digest.
Result<kernel::Message> make_image(const CommitRequest& request, const kernel::Message& sealed);

// The machine runs: its next start does it. With `force` instead of another that was put off. Errors: as of seal_for_commit; NotSupported,
// where that would take long; Exists (another image was put off).
Result<> put_off_commit(const CommitRequest& request);
// At that start: what was put off. Nothing, where there is nothing.
Result<> commit_at_start(const machine::MachineName& name, const machine::Spec& spec,
                         const std::function<void(std::string_view)>& looking_at);

}  // namespace holm::daemon
