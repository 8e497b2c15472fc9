#include "image/rpm_header.h"

#include <algorithm>
#include <cstdlib>

#include "targets.h"

namespace holm::fuzz {

// What is taken has a name, a version and a release, and no byte that a line or a terminal has a use for.
void rpm_header(std::string_view bytes)
{
    const auto package = image::parse_rpm_header(bytes);
    if (!package) return;
    for (const std::string& text : {package->name, package->version})
        if (text.empty() || !std::ranges::all_of(text, [](char byte) { return byte > ' ' && byte < '\x7f'; })) std::abort();
    if (package->version.size() < 3 || !package->version.contains('-')) std::abort();
}

}  // namespace holm::fuzz
