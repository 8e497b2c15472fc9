#include "image/measure.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/text.h"
#include "image/folder_names.h"

namespace holm::image {

namespace {

constexpr size_t least_names = 64 << 10;  // bytes of one folder's; there may be many within each other

Result<uint64_t> measure(int folder, const GoOn& go_on, unsigned depth)
{
    if (depth > max_depth) return error(Errc::Invalid, "folders are nested deeper than {}", max_depth);
    uint64_t bytes = 0;
    FolderNames names = TRY(FolderNames::read(folder, least_names));
    while (const char* name = TRY(names.next())) {
        struct stat status;
        if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) continue;  // gone meanwhile
        TRY(go_on(0));
        bytes += static_cast<uint64_t>(status.st_blocks) * 512;
        if (!S_ISDIR(status.st_mode)) continue;
        if (auto inner = open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) bytes += TRY(measure(inner->get(), go_on, depth + 1));
    }
    return bytes;
}

}  // namespace

Result<uint64_t> measure_tree(int folder, const GoOn& go_on)
{
    return measure(folder, go_on, 0);
}

}  // namespace holm::image
