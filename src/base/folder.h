// Folder: what stands where. Effects: reads.
#pragma once

#include <string>
#include <vector>

namespace holm {

// Sorted, without those that begin with a dot; none of a folder that cannot be read.
std::vector<std::string> names_in(const std::string& folder);
// Whether there is anything of this name, be it a link to nothing.
bool exists(const std::string& path);

}  // namespace holm
