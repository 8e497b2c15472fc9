// Lookup of a path in a stack of layers as overlayfs would see it merged, before it is mounted. Reads; outside. No path of
// the layers is ever resolved by the kernel: one component at a time, by descriptor, links followed here and inside.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "rootfs/facts.h"

namespace holm::rootfs {

using Stack = std::vector<Fd>;  // the layers' top folders, topmost first

// What `path` names: links followed (at most 40, as Linux does), `..` never above the root; in each folder the topmost layer
// that has the name decides, whiteouts (0:0 devices) hide it, opaque folders hide what is below them. A loop is Missing.
Result<Found> find_in_stack(const Stack& stack, std::string_view path);

// The target of a link at `path`, which itself is not followed; "" where there is no link.
Result<std::string> read_link_in_stack(const Stack& stack, std::string_view path);

}  // namespace holm::rootfs
