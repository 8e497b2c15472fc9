#include "base/folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/handle.h"

namespace holm {

std::vector<std::string> names_in(const std::string& folder)
{
    std::vector<std::string> names;
    Handle<DIR, ::closedir> listing(::opendir(folder.c_str()));
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr)
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    std::ranges::sort(names);
    return names;
}

bool exists(const std::string& path)
{
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace holm
