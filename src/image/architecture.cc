#include "image/architecture.h"

#include <sys/utsname.h>

#include <array>
#include <string_view>
#include <utility>

namespace holm::image {

std::string own_architecture()
{
    constexpr auto names = std::to_array<std::pair<std::string_view, std::string_view>>(
        {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"}, {"armv7l", "arm"}, {"loongarch64", "loong64"}});
    utsname name{};
    ::uname(&name);
    for (auto& [kernel, oci] : names)
        if (name.machine == kernel) return std::string(oci);
    return name.machine;
}

}  // namespace holm::image
