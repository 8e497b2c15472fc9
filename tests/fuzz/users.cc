#include "kernel/users.h"

#include <cstdlib>

#include "machine/os_release.h"
#include "targets.h"

namespace holm::fuzz {

// A first line that is asked for, then passwd up to a form feed, then group.
void users(std::string_view bytes)
{
    static_cast<void>(machine::parse_os_release(bytes));
    const size_t line = bytes.find('\n');
    if (line == bytes.npos) return;
    const std::string_view request = bytes.substr(0, line), rest = bytes.substr(line + 1);
    const size_t page = rest.find('\f');
    constexpr uint32_t count = 65536;
    auto user = kernel::find_user(request, rest.substr(0, page), page == rest.npos ? "" : rest.substr(page + 1), count);
    if (user && (user->uid >= count || user->gid >= count)) std::abort();
}

}  // namespace holm::fuzz
