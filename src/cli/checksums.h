// SHA256SUMS beside a file, as sha256sum(1) checks it. Effects: replaces that file.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::cli {

// The text with the line of `file` replaced, or added. Pure. digest: "sha256:…".
std::string with_checksum(std::string_view text, std::string_view file, std::string_view digest);

// Does that in the folder of the file at `path`.
Result<> write_checksum(const std::string& path, std::string_view digest);

}  // namespace holm::cli
