// Sealed layers without some of what is in them. Applies; outside.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "rootfs/copy_tree.h"
#include "rootfs/plan.h"

namespace holm::rootfs {

// Whether a layer has anything under that absolute path of the machine, a whiteout too. Nothing is resolved through a link of it.
Result<bool> has_path(const std::string& layer, const std::string& path);

// A copy of the folder `from` as the layer `id` beside the upper, without the absolute paths `without` and all below them.
Result<> copy_layer_without(const UpperPlace& place, const std::string& from, const std::string& id, std::span<const std::string> without,
                            const CopyProgress& progress);

}  // namespace holm::rootfs
