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

// Of the store, or of the host as the request has them.
Result<std::vector<std::string>> find_below(const image::Store& store, const machine::MachineName& name, const std::string& moved_to,
                                            const kernel::Message& request)
{
    auto stack = store.read_stack(name);
    if (stack) return store.trees(TRY(image::layers_below(store, *stack, moved_to)));
    std::vector<std::string> folders;
    for (const std::string_view path : request.get_all("lower")) {
        if (!is_folder(std::string(path)))
            return error(Errc::NotSupported, "the root of machine '{}' lies on '{}', which is no folder: 'holmctl import-raw' first",
                         name.text(), printable(path));
        folders.emplace_back(path);
    }
    if (folders.empty()) return with_context(stack.error(), fmt::format("machine '{}' has no image below its upper", name.text()));
    return folders;
}

Result<RootSource> find_machine(const image::Store& store, const kernel::Message& request)
{
    const machine::MachineName name = TRY(machine::parse_name(request.get("name")));
    rootfs::UpperPlace place{.upper = rootfs::Upper::Directory, .path = std::string(request.get("own_upper")), .ours = false};
    if (place.path.empty()) {
        place.path = fmt::format("{}/machines/{}/upper", store.state(), name.text());
        place.ours = true;
    }
    const bool writes = is_folder(place.path);
    if (!writes && !request.has("lower"))
        return error(Errc::NotFound, "there is no image and no machine with an upper of the name '{}'", name.text());
    if (::access(api::plan_path(name).c_str(), F_OK) == 0)
        return error(Errc::Busy, "machine '{}' runs, and changes what it would be read from: stop it first", name.text());
    RootSource source;
    const rootfs::History history = TRY(rootfs::read_history(place));
    if (writes) source.own.push_back(place.path);
    for (std::string& sealed : rootfs::layer_paths(place, history)) source.own.push_back(std::move(sealed));
    source.folders = source.own;
    for (std::string& tree : TRY(find_below(store, name, history.manifest, request))) source.folders.push_back(std::move(tree));
    return source;
}

}  // namespace

Result<Presence> Presence::note(const std::vector<std::string>& folders)
{
    Presence presence;
    for (const std::string& path : folders) {
        struct stat status;
        if (::stat(path.c_str(), &status)) return sys_error("cannot look at '{}'", printable(path));
        presence.places_.push_back({.path = path, .device = status.st_dev, .inode = status.st_ino});
    }
    return presence;
}

Result<> Presence::check(std::string_view what) const
{
    for (const Place& place : places_) {
        struct stat status;
        if (::stat(place.path.c_str(), &status) || status.st_dev != place.device || status.st_ino != place.inode)
            return error(Errc::Failed, "'{}' was removed or replaced while it was read, and what was written is not all of it", what);
    }
    return {};
}

Result<RootSource> find_root(const image::Store& store, const kernel::Message& request)
{
    const std::string_view name = request.get("name");
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
    return find_machine(store, request);
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
