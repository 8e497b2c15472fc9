#include "rootfs/apply_overlay.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/apply_layers.h"
#include "rootfs/own_tmpfs.h"

namespace holm::rootfs {

namespace {

using kernel::Subtree;

Error overlay_error(const StagedOverlay& overlay, Error failure)
{
    const char* hint = failure.sys_errno == ELOOP ? " (a layer lies inside another, inside upper or inside work, or is there twice)" : "";
    failure.text = fmt::format("cannot make {}{}: {}", overlay.what, hint, failure.text);
    return failure;
}

Result<> stage_mapped(const OverlayMountInput& input, const std::string& source, const std::string& name)
{
    const std::string what = fmt::format("a layer of {}", input.mount.key);
    Fd file = TRY(open_at(input.sources, source, O_PATH | O_DIRECTORY));
    Fd tree = TRY(kernel::clone_mount(file.get(), Subtree::Alone), what);
    TRY(map_mount(tree.get(), {.plan = input.plan, .user_namespace = input.user_namespace, .id_mapped = input.mount.id_mapped}, what));
    return attach_in_stage(tree.get(), name);
}

Result<> stage_memory(const OverlayMountInput& input, const std::string& name)
{
    kernel::FileSystem memory = own_tmpfs(input.plan, {{"mode", "0755"}, {"size", "10%"}, {"nr_inodes", "400k"}}, kernel::no_suid_dev);
    for (std::string_view option : split(input.mount.options, ','))
        if (option.starts_with("size=")) memory.options.emplace_back("size", option.substr(5));
    Fd mount = TRY(kernel::make_mount(memory));
    TRY(attach_in_stage(mount.get(), name));
    if (::mkdirat(mount.get(), "upper", 0755) || ::mkdirat(mount.get(), "work", 0755)) return sys_error("cannot make the upper in memory");
    return {};
}

}  // namespace

Result<> attach_in_stage(int mount, const std::string& name)
{
    if (::mkdir(name.c_str(), 0755)) return sys_error("cannot make '{}' in the stage", name);
    Fd folder = TRY(open_file(name, O_PATH | O_DIRECTORY));
    return kernel::attach_mount(mount, folder.get());
}

Result<> link_in_stage(const std::string& target, const std::string& name)
{
    if (::symlink(target.c_str(), name.c_str())) return sys_error("cannot make '{}' in the stage", name);
    return {};
}

Result<Fd> link_folder_in_stage(const std::string& above, const std::string& name, const std::string& link)
{
    Fd state = TRY(open_file(above, O_PATH | O_DIRECTORY));
    Fd folder = TRY(kernel::open_in_root(state.get(), name, O_PATH | O_DIRECTORY, kernel::Links::Refuse),
                    fmt::format("'{}' of an overlay", printable(name)));
    TRY(link_in_stage(kernel::path_of_descriptor(folder.get()), link));
    return folder;
}

// Overlay is told relative names of the stage only: its options end at a page, and users' paths have `:` `,` and `\`. No "volatile" for an
// upper in memory: its syncs cost nothing, and the mark it leaves in work refuses the next boot.
Result<> mount_overlay_in_stage(const StagedOverlay& overlay, const std::string& target)
{
    std::string options = fmt::format("lowerdir={}0", overlay.prefix);
    for (size_t i = 1; i < overlay.layers; ++i) options += fmt::format(":{}{}", overlay.prefix, i);
    if (overlay.upper) options += fmt::format(",upperdir={0}upper,workdir={0}work", overlay.prefix);
    if (!overlay.upper && overlay.layers == 1) options += ":masks/empty";  // overlayfs refuses a single layer
    options += ",redirect_dir=off,metacopy=off,index=off,nfs_export=off";
    if (!overlay.context.empty()) options += fmt::format(",context=\"{}\"", overlay.context);
    if (::mkdir(target.c_str(), 0755)) return sys_error("cannot make '{}' in the stage", target);
    if (auto done = kernel::mount_overlay(target, options, MS_NODEV); !done) return overlay_error(overlay, done.error());
    Fd root = TRY(open_file(target, O_PATH | O_DIRECTORY));
    // What overlay does in silence where it cannot make its work folder.
    if (overlay.upper && TRY(kernel::is_read_only(root.get())))
        return error(Errc::Failed, "{} came up read-only: its work folder cannot be written", overlay.what);
    return {};
}

Result<Fd> make_overlay_mount(const OverlayMountInput& input)
{
    const std::string prefix = fmt::format("mount{}.", input.index), root = prefix + "root";
    const MountSource& source = input.source;
    for (size_t i = 0; i < source.layers; ++i) TRY(stage_mapped(input, staged_layer(input.index, i), fmt::format("{}{}", prefix, i)));
    std::string upper = "upper", work = "work";
    Fd held_upper, held_work;
    if (!source.upper.empty()) {
        TRY(stage_mapped(input, staged_state(input.index), prefix + "state"));
        upper = source.upper, work = source.work;
    } else if (!input.mount.read_only) TRY(stage_memory(input, prefix + "state"));
    if (!input.mount.read_only) {
        // By links, so that no `:` or `,` of these names reaches overlay's options.
        held_upper = TRY(link_folder_in_stage(prefix + "state", upper, prefix + "upper"));
        held_work = TRY(link_folder_in_stage(prefix + "state", work, prefix + "work"));
    }
    TRY(mount_overlay_in_stage(
        {.what = "the overlay", .prefix = prefix, .context = input.plan.context, .layers = source.layers, .upper = !input.mount.read_only},
        root));
    Fd folder = TRY(open_file(root, O_PATH | O_DIRECTORY));
    return kernel::clone_mount(folder.get(), Subtree::Alone);
}

}  // namespace holm::rootfs
