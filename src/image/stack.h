// Which layers a machine's own lie on: those of the image that it was made on, or that it was moved to since. Observes; outside.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "image/manifest.h"
#include "image/store.h"

namespace holm::image {

// `moved_to`: digest of the image that it was moved to, as its history has it (rootfs/history.h); "": it was not. Errors: NotFound.
Result<std::vector<std::string>> layers_below(const Store& store, const Stack& stack, const std::string& moved_to);

// Whether a state of the machine lies on the image.
bool lies_on(const Stack& stack, const std::string& manifest);

// Why an image stays of whose name a machine was started that has no more than its state.
std::string describe_started_by_name(const std::string& name);

}  // namespace holm::image
