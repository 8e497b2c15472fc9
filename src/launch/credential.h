// Where credentials are, and which of them are encrypted. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/names.h"
#include "machine/name.h"

namespace holm::launch {

// By where it lies, as with systemd: below a folder credstore.encrypted, such as /etc/credstore.encrypted.
inline bool is_encrypted(std::string_view path)
{
    return path.contains("/credstore.encrypted/");
}

// Of one that has its value in the definition: in memory, root's alone, gone with the machine's life. The plan does not have it.
inline std::string value_path(const machine::MachineName& name, size_t index)
{
    return fmt::format("{}/credential-{}", api::runtime_path(name), index);
}

}  // namespace holm::launch
