// The packages of a database of rpm (rpmdb.sqlite), by libsqlite3. Bytes of others: inside the confined child. Reads memory alone.
#pragma once

#include <string>

#include "base/error.h"

namespace holm::image {

inline constexpr size_t most_rpm_list = 8 << 20;  // bytes

// "NAME VERSION", a line each, in the order of names; of a name that is installed more than once "VERSION, VERSION". Keys that packages are
// signed with are none. Errors: Invalid.
Result<std::string> list_rpm_packages(std::string database);

}  // namespace holm::image
