#include "image/manifest.h"

#include <cstdlib>
#include <string>

#include "targets.h"

namespace holm::fuzz {

namespace {

template <typename Parse, typename Describe>
void round(std::string_view bytes, Parse parse, Describe describe)
{
    auto value = parse(bytes, "file");
    if (!value) return;
    auto again = parse(describe(*value), "file");
    if (!again || *again != *value) std::abort();
}

}  // namespace

void manifest(std::string_view bytes)
{
    round(bytes, image::parse_manifest, image::describe_manifest);
    round(bytes, image::parse_name, image::describe_name);
    round(bytes, image::parse_layer_info, image::describe_layer_info);
    round(bytes, image::parse_stack, image::describe_stack);
}

}  // namespace holm::fuzz
