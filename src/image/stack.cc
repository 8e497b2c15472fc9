#include "image/stack.h"

#include <fmt/format.h>

#include <algorithm>

namespace holm::image {

Result<std::vector<std::string>> layers_below(const Store& store, const Stack& stack, const std::string& moved_to)
{
    if (moved_to.empty()) return stack.layers;
    return TRY(store.read_manifest(moved_to)).layers;
}

bool lies_on(const Stack& stack, const std::string& manifest)
{
    return stack.manifest == manifest || std::ranges::find(stack.others, manifest) != stack.others.end();
}

std::string describe_started_by_name(const std::string& name)
{
    return fmt::format(
        "machine '{0}', which was started by its name, lies on it: 'holmctl remove {0}' removes that machine, and leaves the image", name);
}

}  // namespace holm::image
