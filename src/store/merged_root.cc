#include "store/merged_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/names.h"
#include "base/text.h"
#include "image/stack.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "machine/identifiers.h"
#include "rootfs/seal.h"
#include "store/landing.h"

namespace holm::store {

namespace {

bool is_folder(const std::string& path)
{
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<RootSource> find_machine(const image::Store& store, std::string_view text)
{
    const machine::MachineName name = TRY(machine::parse_name(text));
    const std::string upper = fmt::format("{}/machines/{}/upper", store.state(), name.text());
    if (!is_folder(upper)) return error(Errc::NotFound, "there is no image and no machine with an upper of the name '{}'", name.text());
    if (::access(api::plan_path(name).c_str(), F_OK) == 0)
        return error(Errc::Busy, "machine '{}' runs, and changes what it would be read from: stop it first", name.text());
    const image::Stack stack = TRY(store.read_stack(name), fmt::format("machine '{}' has no image below its upper", name.text()));
    RootSource source{.folders = {upper}, .own = {}};
    const rootfs::UpperPlace place{.upper = rootfs::Upper::Directory, .path = upper, .ours = true};
    const rootfs::History history = TRY(rootfs::read_history(place));
    for (std::string& sealed : rootfs::layer_paths(place, history)) source.folders.push_back(std::move(sealed));
    source.own = source.folders;
    const auto below = TRY(image::layers_below(store, stack, history.manifest));
    for (std::string& tree : TRY(store.trees(below))) source.folders.push_back(std::move(tree));
    return source;
}

}  // namespace

Result<RootSource> find_root(const image::Store& store, std::string_view name)
{
    auto image = store.find(name);
    if (image) {
        RootSource source;
        source.folders = TRY(store.trees(image->manifest.layers));
        return source;
    }
    if (image.error().code != Errc::NotFound) return image.error();
    const std::string plain = TRY(machine::parse_file_name(name));
    for (const char* place : {api::state_images_folder, "/var/lib/machines"}) {
        const std::string path = fmt::format("{}/{}", place, plain);
        if (is_folder(path)) return RootSource{.folders = {path}};
    }
    return find_machine(store, name);
}

Result<Fd> open_merged(const image::Store& store, const std::vector<std::string>& folders)
{
    if (folders.size() == 1) return kernel::open_source(folders.front(), O_RDONLY | O_DIRECTORY);
    TRY(kernel::unshare_namespaces(CLONE_NEWNS));
    TRY(kernel::make_mounts_slave());
    // By links, as overlay's options end at a page.
    const Incoming stage = TRY(Incoming::make(store));
    std::string options = "lowerdir=";
    for (size_t i = 0; i < folders.size(); ++i) {
        options += fmt::format("{}{}", i ? ":" : "", i);
        if (::symlinkat(folders[i].c_str(), stage.tree(), fmt::format("{}", i).c_str())) return sys_error("cannot name a layer");
    }
    if (::mkdirat(stage.tree(), "merged", 0700) || ::fchdir(stage.tree())) return sys_error("cannot make a folder to merge layers in");
    TRY(kernel::mount_overlay("merged", options, MS_RDONLY | MS_NODEV));
    auto merged = open_file("merged", O_RDONLY | O_DIRECTORY);
    if (::umount2("merged", MNT_DETACH) || ::chdir("/")) return sys_error("cannot let go of the merged layers");
    return merged;
}

}  // namespace holm::store
