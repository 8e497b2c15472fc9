// The name of an archive's entry as a path below a folder. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::image {

// Without "./", "//" and a leading "/": "usr/bin/env"; "" is the folder itself. Errors: Invalid (empty, `..` in it, longer than 4096
// bytes, a part longer than 255, more than 512 parts).
Result<std::string> parse_entry_path(std::string_view text);

struct EntryName {
    std::string_view folder;  // "" = the top
    std::string_view name;
};
EntryName split_entry_path(std::string_view path);

}  // namespace holm::image
