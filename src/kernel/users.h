// Users: who a text names in the passwd(5) and group(5) files of a machine. No NSS, nothing of the machine's code. Pure but for
// observe_user, which reads; inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holm::kernel {

struct User {
    std::string name;  // "" where passwd has no such number
    uint32_t uid = 0;
    uint32_t gid = 0;
    std::vector<uint32_t> groups;  // supplementary, as the machine's own login would set: the first group and every one that lists the name
    std::string home = "/";
    std::string shell = "/bin/sh";
    bool operator==(const User&) const = default;
};

inline constexpr size_t max_users_file = 4 << 20;  // bytes of passwd or group

// The user of `request`: "name", "uid", "name:group" or "uid:gid", each side a name or a number below `count`, the ids that exist. A
// text that is neither (empty, signed, "0x0", trailing newline, 4294967295) is refused, also where a line of passwd has it as its
// name. A number without a line has group 0, as podman has it; "root" and "0" need none. Errors: Invalid, NotFound.
Result<User> find_user(std::string_view request, std::string_view passwd, std::string_view group, uint32_t count);

// The same by /etc/passwd and /etc/group below `root`; a missing file is an empty one. Errors: also files that are no regular ones.
Result<User> observe_user(int root, std::string_view request, uint32_t count);

// Becomes that user: supplementary groups, group, user. Capabilities go as capabilities(7) says of a change from root.
Result<> become_user(const User& user);

}  // namespace holm::kernel
