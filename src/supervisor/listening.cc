#include "supervisor/listening.h"

#include <fmt/format.h>

#include "base/text.h"

namespace holm::supervisor {

// "  0: 00000000:1F90 00000000:0000 0A …": local address, remote address, state; 0A is TCP_LISTEN.
bool has_listener(std::string_view table, uint16_t port)
{
    const std::string local = fmt::format(":{:04X}", port);
    for (std::string_view line : split(table, '\n')) {
        unsigned column = 0;
        bool is_local = false;
        for (std::string_view word : split(line, ' ')) {
            if (word.empty()) continue;
            ++column;
            if (column == 2) is_local = word.ends_with(local);
            if (column == 4) {
                if (is_local && word == "0A") return true;
                break;
            }
        }
    }
    return false;
}

}  // namespace holm::supervisor
