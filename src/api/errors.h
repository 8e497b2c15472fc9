// The one table of Error ⇄ D-Bus error name. Pure.
#pragma once

#include <string_view>

#include "base/error.h"

namespace holm::api {

// "org.holm1.Error.NotFound" of Errc::NotFound: every code has a name of its own. The pointer lives for ever.
const char* error_name(Errc code);

// The code of a D-Bus error name: ours, and those of systemd, dbus-daemon and polkit that mean the same. Failed where unknown.
Errc code_of_error_name(std::string_view name);

}  // namespace holm::api
