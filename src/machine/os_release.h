// OsRelease: the file os-release(5) of a machine as fields. Pure; the text is the guest's and means nothing but itself.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace holm::machine {

// NAME="Debian GNU/Linux" and the like, unquoted as a shell would; lines that are no assignment are left out, as are values that are
// no UTF-8. At most 100 fields.
std::map<std::string, std::string> parse_os_release(std::string_view text);

}  // namespace holm::machine
