#include "rootfs/apply_layers.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"

namespace holm::rootfs {

namespace {

using kernel::Links;
using kernel::Subtree;

std::string describe_layer(const Plan& plan, size_t index)
{
    const std::string path = printable(plan.lower[index]);
    if (!plan.overlay()) return fmt::format("root '{}' of machine '{}'", path, plan.machine);
    return fmt::format("'{}' as layer {} of machine '{}'", path, index + 1, plan.machine);
}

Result<Fd> open_layer(const Plan& plan, size_t index)
{
    auto layer = kernel::open_source(plan.lower[index], O_PATH | O_DIRECTORY);
    if (!layer) return errno_error(layer.error().sys_errno, "cannot use {}", describe_layer(plan, index));
    return layer;
}

// A folder of an upper: made where it is holm's own, else it must be there.
Result<Fd> open_upper_folder(const Plan& plan, const std::string& path)
{
    if (plan.create_upper) TRY(make_folders(path), fmt::format("upper of machine '{}'", plan.machine));
    auto folder = kernel::open_source(path, O_PATH | O_DIRECTORY);
    if (!folder)
        return errno_error(folder.error().sys_errno, "cannot use '{}' as upper or work of machine '{}'", printable(path), plan.machine);
    return folder;
}

// Where a folder lies after all links: the kernel's own name of it.
Result<std::string> real_path(int folder)
{
    std::string path(PATH_MAX, '\0');
    ssize_t size = ::readlink(kernel::path_of_descriptor(folder).c_str(), path.data(), path.size());
    if (size < 0) return sys_error("cannot find the path of a folder");
    path.resize(static_cast<size_t>(size));
    return path;
}

Result<uint64_t> mount_id(int file)
{
    struct statx status;
    if (::statx(file, "", AT_EMPTY_PATH, STATX_MNT_ID, &status)) return sys_error("cannot look at a folder");
    return uint64_t{status.stx_mnt_id};
}

// Overlay wants upper and work on one mount, so that it is the folder above both that is id-mapped and attached.
Result<> open_upper(const Plan& plan, Sources& sources)
{
    Fd upper = TRY(open_upper_folder(plan, plan.upper_path)), work = TRY(open_upper_folder(plan, plan.work_path));
    if (TRY(kernel::file_system_magic(upper.get())) == OVERLAYFS_SUPER_MAGIC)
        return error(Errc::NotSupported,
                     "the upper '{}' of machine '{}' lies on an overlay, which cannot hold one: keep it on ext4, xfs, btrfs or the like",
                     printable(plan.upper_path), plan.machine);
    const std::string upper_path = TRY(real_path(upper.get())), work_path = TRY(real_path(work.get()));
    size_t upper_slash = upper_path.rfind('/'), work_slash = work_path.rfind('/');
    const std::string above = upper_path.substr(0, std::max<size_t>(upper_slash, 1));
    sources.state = TRY(kernel::open_source(above, O_PATH | O_DIRECTORY));
    uint64_t state_mount = TRY(mount_id(sources.state.get()));
    if (upper_path.substr(0, upper_slash) != work_path.substr(0, work_slash) || TRY(mount_id(upper.get())) != state_mount ||
        TRY(mount_id(work.get())) != state_mount)
        return error(Errc::Invalid,
                     "upper '{}' and work '{}' of machine '{}' must lie beside each other in one folder, neither of them a mount point",
                     printable(upper_path), printable(work_path), plan.machine);
    sources.upper = upper_path.substr(upper_slash + 1);
    sources.work = work_path.substr(work_slash + 1);
    return {};
}

Result<Fd> open_mount_source(const Plan& plan, const Mount& mount)
{
    if (mount.type != machine::MountType::Bind) return Fd();
    auto source = kernel::open_source(mount.source, O_PATH);
    if (!source && mount.optional && source.error().sys_errno == ENOENT) return Fd();
    if (!source)
        return errno_error(source.error().sys_errno, "cannot bind '{}' to '{}' of machine '{}'", printable(mount.source),
                           printable(mount.target), plan.machine);
    return source;
}

Result<> attach_at(int mount, const std::string& name)
{
    if (::mkdir(name.c_str(), 0755)) return sys_error("cannot make '{}' in the stage", name);
    Fd folder = TRY(open_file(name, O_PATH | O_DIRECTORY));
    return kernel::attach_mount(mount, folder.get());
}

Result<> link_at(const std::string& target, const char* name)
{
    if (::symlink(target.c_str(), name)) return sys_error("cannot make '{}' in the stage", name);
    return {};
}

Result<> attach_layers(const LayersInput& input)
{
    const Plan& plan = input.plan;
    for (size_t i = 0; i < plan.lower.size(); ++i) {
        Fd tree = TRY(kernel::clone_mount(input.sources.layers[i].get(), Subtree::Alone), describe_layer(plan, i));
        TRY(map_mount(tree.get(), {.plan = plan, .user_namespace = input.user_namespace}, describe_layer(plan, i)));
        TRY(attach_at(tree.get(), fmt::format("{}", i)));
    }
    return {};
}

Result<> attach_upper_on_disk(const LayersInput& input)
{
    const std::string what = fmt::format("upper '{}' of machine '{}'", printable(input.plan.upper_path), input.plan.machine);
    Fd tree = TRY(kernel::clone_mount(input.sources.state.get(), Subtree::Alone), what);
    TRY(map_mount(tree.get(), {.plan = input.plan, .user_namespace = input.user_namespace}, what));
    TRY(attach_at(tree.get(), "state"));
    // By links, so that no `:` or `,` of these names reaches overlay's options.
    TRY(link_at("state/" + input.sources.upper, "upper"));
    return link_at("state/" + input.sources.work, "work");
}

// A tmpfs cannot be id-mapped before 6.3: its folders belong to the machine's root as they are. One inode for each page is more than files
// of a system need, and keeps empty files from being free.
Result<Fd> attach_upper_in_memory(LayersInput& input)
{
    const std::string owner = fmt::format("{}", input.plan.ids.base);
    bool fresh = !input.memory;
    if (fresh)
        input.memory = TRY(kernel::make_mount({.type = "tmpfs",
                                               .options = {{"size", fmt::format("{}", input.plan.memory_size)},
                                                           {"nr_inodes", fmt::format("{}", input.plan.memory_size / 4096)},
                                                           {"mode", "0755"},
                                                           {"uid", owner},
                                                           {"gid", owner}},
                                               .attributes = kernel::no_suid_dev}));
    TRY(attach_at(input.memory.get(), "memory"));
    if (fresh && (::mkdir("memory/upper", 0755) || ::mkdir("memory/work", 0755))) return sys_error("cannot make the upper in memory");
    TRY(link_at("memory/upper", "upper"));
    TRY(link_at("memory/work", "work"));
    return kernel::clone_mount(input.memory.get(), Subtree::Alone);
}

Error overlay_error(const Plan& plan, Error failure)
{
    const char* hint = failure.sys_errno == ELOOP ? " (a layer lies inside another, inside upper or inside work, or is there twice)" : "";
    failure.text = fmt::format("cannot make the overlay of machine '{}'{}: {}", plan.machine, hint, failure.text);
    return failure;
}

// Overlay is told relative names of the stage only: its options end at a page, and users' paths have `:` `,` and `\`. No "volatile" for an
// upper in memory: its syncs cost nothing, and the mark it leaves in work refuses the next boot.
Result<> mount_layers(const Plan& plan, const std::string& target)
{
    std::string options = "lowerdir=0";
    for (size_t i = 1; i < plan.lower.size(); ++i) options += fmt::format(":{}", i);
    if (plan.upper != Upper::None) options += ",upperdir=upper,workdir=work";
    options += ",redirect_dir=off,metacopy=off,index=off,nfs_export=off";
    if (::mkdir(target.c_str(), 0755)) return sys_error("cannot make '{}' in the stage", target);
    if (auto done = kernel::mount_overlay(target, options, MS_NODEV); !done) return overlay_error(plan, done.error());
    Fd root = TRY(open_file(target, O_PATH | O_DIRECTORY));
    // What overlay does in silence where it cannot make its work folder.
    if (plan.upper != Upper::None && TRY(kernel::is_read_only(root.get())))
        return error(Errc::Failed, "the overlay of machine '{}' came up read-only: its work folder cannot be written", plan.machine);
    return {};
}

// Mode volatile: an empty root with the /usr of the layers, and the links of a merged /usr (file-hierarchy(7)).
Result<> mount_only_usr(const Plan& plan, int layers)
{
    Fd usr = TRY(kernel::open_in_root(layers, "usr", O_PATH | O_DIRECTORY, Links::Refuse), "mode volatile needs a /usr");
    Fd tree = TRY(kernel::clone_mount(usr.get(), Subtree::Alone));
    const std::string owner = fmt::format("{}", plan.ids.base);
    const std::string size = plan.memory_size ? fmt::format("{}", plan.memory_size) : "10%";
    Fd root = TRY(kernel::make_mount({.type = "tmpfs",
                                      .options = {{"size", size}, {"nr_inodes", "1m"}, {"mode", "0755"}, {"uid", owner}, {"gid", owner}},
                                      .attributes = MOUNT_ATTR_NODEV}));
    for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
        const std::string target = fmt::format("usr/{}", name);
        if (!::faccessat(layers, target.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) && ::symlinkat(target.c_str(), root.get(), name))
            return sys_error("cannot make '/{}'", name);
    }
    for (const char* name : {"etc", "home", "mnt", "opt", "root", "srv", "var"})
        if (::mkdirat(root.get(), name, std::string_view(name) == "root" ? 0700 : 0755)) return sys_error("cannot make '/{}'", name);
    TRY(attach_at(root.get(), "root"));
    TRY(kernel::change_mount(tree.get(), {.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV}));
    if (::mkdirat(root.get(), "usr", 0755)) return sys_error("cannot make '/usr'");
    Fd target = TRY(open_at(root.get(), "usr", O_PATH | O_DIRECTORY));
    return kernel::attach_mount(tree.get(), target.get());
}

Result<> mount_in_place(const LayersInput& input)
{
    const std::string what = describe_layer(input.plan, 0);
    Fd tree = TRY(kernel::clone_mount(input.sources.layers[0].get(), Subtree::Alone), what);
    TRY(map_mount(tree.get(), {.plan = input.plan, .user_namespace = input.user_namespace, .attributes = MOUNT_ATTR_NODEV}, what));
    return attach_at(tree.get(), "root");
}

Result<> attach_volatile(const LayersInput& input)
{
    TRY(attach_layers(input));
    if (input.plan.lower.size() > 1) TRY(mount_layers(input.plan, "layers"));
    Fd layers = TRY(open_file(input.plan.lower.size() > 1 ? "layers" : "0", O_PATH | O_DIRECTORY));
    return mount_only_usr(input.plan, layers.get());
}

Result<Fd> attach_overlay(LayersInput& input)
{
    Fd memory;
    TRY(attach_layers(input));
    switch (input.plan.upper) {
    case Upper::None: break;
    case Upper::Directory: TRY(attach_upper_on_disk(input)); break;
    case Upper::Memory: memory = TRY(attach_upper_in_memory(input)); break;
    }
    TRY(mount_layers(input.plan, "root"));
    return memory;
}

}  // namespace

Result<Sources> open_sources(const Plan& plan)
{
    Sources sources;
    for (size_t i = 0; i < plan.lower.size(); ++i) sources.layers.push_back(TRY(open_layer(plan, i)));
    if (plan.upper == Upper::Directory && !plan.only_usr) TRY(open_upper(plan, sources));
    for (auto& mount : plan.mounts) sources.mounts.push_back(TRY(open_mount_source(plan, mount)));
    return sources;
}

Result<> make_stage()
{
    TRY(make_folders(stage));
    Fd folder = TRY(open_file(stage, O_PATH | O_DIRECTORY));
    Fd tmpfs = TRY(kernel::make_mount({.type = "tmpfs", .options = {{"mode", "0755"}, {"size", "1m"}}, .attributes = kernel::no_suid_dev}));
    TRY(kernel::attach_mount(tmpfs.get(), folder.get()));
    if (::chdir(stage)) return sys_error("cannot enter '{}'", stage);
    if (::mkdir("masks", 0755) || ::mkdir("masks/folder", 0000) || ::mkdir("masks/empty", 0555)) return sys_error("cannot make the masks");
    TRY(open_file("masks/file", O_WRONLY | O_CREAT | O_EXCL, 0000));
    return {};
}

Result<Fd> open_stage_mask(StageMask mask)
{
    auto open = [](const char* name) { return open_file(fmt::format("{}/masks/{}", stage, name), O_PATH | O_NOFOLLOW); };
    switch (mask) {
    case StageMask::File: return open("file");
    case StageMask::Folder: return open("folder");
    case StageMask::EmptyFolder: return open("empty");
    }
    return Fd();
}

Result<> map_mount(int mount, const Mapping& mapping, const std::string& what)
{
    auto subtree = mapping.recursive ? Subtree::WithMountsBelow : Subtree::Alone;
    kernel::MountChange change{.attributes = mapping.attributes, .make_private = true, .subtree = subtree};
    bool shifts = mapping.id_mapped && mapping.plan.ids.shifts();
    if (shifts) change.user_namespace = mapping.user_namespace;
    auto done = kernel::change_mount(mount, change);
    if (done) return {};
    if (!shifts || (done.error().sys_errno != EINVAL && done.error().sys_errno != EPERM)) return with_context(done.error(), what);
    return error(Errc::NotSupported,
                 "cannot use {}: a file system of it ({}) cannot be id-mapped; keep it on ext4, xfs, btrfs or the like, or set "
                 "security.users = \"identity\"{}",
                 what, kernel::file_system_name(mount), mapping.recursive ? ", or give the mount the option \"norec\"" : "");
}

Result<Layers> attach_root(LayersInput input)
{
    Layers made;
    if (input.plan.only_usr) TRY(attach_volatile(input));
    else if (input.plan.overlay()) made.memory = TRY(attach_overlay(input));
    else TRY(mount_in_place(input));
    made.root = TRY(open_file("root", O_PATH | O_DIRECTORY));
    if (input.plan.read_only) TRY(kernel::change_mount(made.root.get(), {.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV}));
    return made;
}

}  // namespace holm::rootfs
