#include "rootfs/amend.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <tuple>

#include "base/fd.h"
#include "base/text.h"
#include "base/undo.h"
#include "kernel/path.h"
#include "rootfs/history.h"
#include "rootfs/remove.h"

namespace holm::rootfs {

namespace {

// The folder that `path` lies in, below `top`; invalid where the layer has none.
Result<Fd> open_above(int top, const std::string& path)
{
    auto folder = kernel::open_in_root(top, path.substr(0, path.rfind('/')), O_RDONLY | O_DIRECTORY, kernel::Links::Refuse);
    if (folder) return folder;
    const int reason = folder.error().sys_errno;
    if (reason == ENOENT || reason == ENOTDIR || reason == ELOOP) return Fd();
    return folder;
}

std::string name_in(const std::string& path)
{
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<bool> has_path(const std::string& layer, const std::string& path)
{
    Fd top = TRY(kernel::open_source(layer, O_RDONLY | O_DIRECTORY));
    Fd folder = TRY(open_above(top.get(), path));
    struct stat status;
    return folder && ::fstatat(folder.get(), name_in(path).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<> copy_layer_without(const UpperPlace& place, const std::string& from, const std::string& id, std::span<const std::string> without,
                            const CopyProgress& progress)
{
    const std::string folder = layers_folder(place);
    TRY(make_folders(folder + "/" + id, 0700));
    Fd layers = TRY(kernel::open_source(folder, O_RDONLY | O_DIRECTORY));
    Undo made([&] { std::ignore = remove_tree(layers.get(), id); });
    Fd source = TRY(kernel::open_source(from, O_RDONLY | O_DIRECTORY));
    Fd target = TRY(open_at(layers.get(), id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(copy_tree(source.get(), target.get(), progress), fmt::format("layer '{}'", printable(from)));
    for (const std::string& path : without) {
        Fd above = TRY(open_above(target.get(), path));
        if (above) TRY(remove_tree(above.get(), name_in(path)));
    }
    made.keep();
    return {};
}

}  // namespace holm::rootfs
