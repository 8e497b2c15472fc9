// Which extended attributes a layer has: of users, capabilities and ACLs of files. What overlayfs, a host's security module or an old
// layer has written is not content. Pure.
#pragma once

#include <string_view>

namespace holm::image {

inline constexpr const char* opaque_attribute = "trusted.overlay.opaque";

// Whether an attribute of a file that comes from outside is taken over.
inline bool is_kept_attribute(std::string_view name)
{
    if (name.starts_with("user.")) return !name.starts_with("user.overlay.");
    return name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

// The same of one that is hashed: opaque folders are content too.
inline bool is_hashed_attribute(std::string_view name)
{
    return is_kept_attribute(name) || name == opaque_attribute;
}

}  // namespace holm::image
