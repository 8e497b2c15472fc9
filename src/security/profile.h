// Profile: what AppArmor knows of one machine, made by holm where a definition says so: apparmor.d(5). Pure.
#pragma once

#include <string>
#include <string_view>

#include "machine/name.h"

namespace holm::security {

inline constexpr std::string_view generated_profile = "generated";  // value of 'security.apparmor'

std::string profile_name(const machine::MachineName& machine);

// Its text. It lets a system boot, and denies what the machine's other walls deny as well, should one of them have a hole: the
// files by which a host is changed or read through the kernel, file systems of the kernel's own state, and processes of other profiles.
std::string describe_profile(const machine::MachineName& machine);

}  // namespace holm::security
