#include "image/folder_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "base/handle.h"

namespace holm::image {

Result<FolderNames> FolderNames::read(int folder)
{
    Fd own = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
    Handle<DIR, closedir> listing(::fdopendir(own.get()));
    if (!listing) return sys_error("cannot list a folder");
    own.release();
    FolderNames names;
    errno = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        if (::strcmp(entry->d_name, ".") == 0 || ::strcmp(entry->d_name, "..") == 0) continue;
        const size_t size = ::strlen(entry->d_name) + 1;
        if (names.text_.size() + size > UINT32_MAX) return error(Errc::Invalid, "a folder has too many entries");
        names.starts_.push_back(static_cast<uint32_t>(names.text_.size()));
        names.text_.append(entry->d_name, size);
        errno = 0;
    }
    if (errno) return sys_error("cannot list a folder");
    const char* text = names.text_.data();
    std::ranges::sort(names.starts_, [text](uint32_t a, uint32_t b) { return ::strcmp(text + a, text + b) < 0; });
    return names;
}

}  // namespace holm::image
