// Which files of credentials are encrypted. Pure.
#pragma once

#include <string_view>

namespace holm::launch {

// By where it lies, as with systemd: below a folder credstore.encrypted, such as /etc/credstore.encrypted.
inline bool is_encrypted(std::string_view path)
{
    return path.contains("/credstore.encrypted/");
}

}  // namespace holm::launch
