// The answer of a node enumerator (sd_bus_add_node_enumerator(3)): object paths as sd-bus wants and frees them.
#pragma once

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace holm::systemd {

// Null: no memory.
inline char** new_node_list(const std::vector<std::string>& paths)
{
    auto** list = static_cast<char**>(::calloc(paths.size() + 1, sizeof(char*)));
    for (size_t i = 0; list && i < paths.size(); ++i) list[i] = ::strdup(paths[i].c_str());
    return list;
}

}  // namespace holm::systemd
