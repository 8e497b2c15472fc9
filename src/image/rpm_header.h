// The header of a package, as a database of rpm has it of each. Bytes of others. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::image {

struct RpmPackage {
    std::string name, version;  // "bash", "[EPOCH:]VERSION-RELEASE"
    bool operator==(const RpmPackage&) const = default;
};

// Name and version are of visible ASCII alone. Errors: Invalid.
Result<RpmPackage> parse_rpm_header(std::string_view bytes);

}  // namespace holm::image
