// prune, df, fsck, clone-image, read-only: what keeps the store in order. Observes and applies.
#pragma once

#include "base/error.h"
#include "image/store.h"
#include "store/job.h"

namespace holm::store {

// The request: dry_run. What nothing refers to goes; the answer has it as `item` fields: "layer ID BYTES", "manifest DIGEST 0".
Result<kernel::Message> prune(const Job& job, const image::Store& store);

// The answer: `item` fields "image NAME BYTES OWN", where OWN is what no other image has, and "machine NAME BYTES BYTES", its upper.
Result<kernel::Message> observe_usage(const Job& job, const image::Store& store);

// The request: deep (1: layers are hashed). The answer: `problem` fields, a sentence each; none: all is well.
Result<kernel::Message> check_store(const Job& job, const image::Store& store);

// The request: name, new_name, read_only. Another name for the same image. Errors: NotFound, Exists.
Result<kernel::Message> clone_image(const Job& job, const image::Store& store);

// The request: name, read_only.
Result<kernel::Message> mark_read_only(const Job& job, const image::Store& store);

}  // namespace holm::store
