#include "rootfs/apply_layers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/apply_overlay.h"
#include "rootfs/cap_upper.h"
#include "rootfs/own_tmpfs.h"

namespace holm::rootfs {

namespace {

using kernel::Links;
using kernel::Subtree;

Result<> attach_layers(const LayersInput& input)
{
    const Plan& plan = input.plan;
    for (size_t i = 0; i < plan.lower.size(); ++i) {
        Fd tree = TRY(kernel::clone_mount(input.sources.layers[i].get(), Subtree::Alone), describe_layer(plan, i));
        TRY(map_mount(tree.get(), {.plan = plan, .user_namespace = input.user_namespace}, describe_layer(plan, i)));
        TRY(attach_in_stage(tree.get(), fmt::format("{}", i)));
    }
    return {};
}

// Upper and work, held until the overlay is mounted.
using Held = std::pair<Fd, Fd>;

std::string describe_upper(const Plan& plan)
{
    return fmt::format("upper '{}' of machine '{}'", printable(plan.upper_path), plan.machine);
}

// Of an upper that is full no overlay can be mounted: the cap of before is taken away first, and this one comes after it. A file system
// without quotas has none to take away.
Result<> cap_writes(const LayersInput& input, uint64_t bytes)
{
    const int state = input.sources.state.get();
    Fd upper = TRY(kernel::open_in_root(state, input.sources.upper, O_RDONLY | O_DIRECTORY, Links::Refuse));
    Fd work = TRY(kernel::open_in_root(state, input.sources.work, O_RDONLY | O_DIRECTORY, Links::Refuse));
    Fd above = TRY(open_at(state, ".", O_RDONLY | O_DIRECTORY));
    return cap_upper({.upper = upper.get(), .work = work.get(), .above = above.get()}, bytes);
}

Result<Held> attach_upper_on_disk(const LayersInput& input)
{
    const std::string what = describe_upper(input.plan);
    Fd tree = TRY(kernel::clone_mount(input.sources.state.get(), Subtree::Alone), what);
    TRY(cap_writes(input, 0), what);
    TRY(map_mount(tree.get(), {.plan = input.plan, .user_namespace = input.user_namespace}, what));
    TRY(attach_in_stage(tree.get(), "state"));
    // By links, so that no `:` or `,` of these names reaches overlay's options.
    Fd upper = TRY(link_folder_in_stage("state", input.sources.upper, "upper"));
    Fd work = TRY(link_folder_in_stage("state", input.sources.work, "work"));
    return Held{std::move(upper), std::move(work)};
}

// A tmpfs cannot be id-mapped before 6.3: its folders belong to the machine's root as they are. One inode for each page is more than files
// of a system need, and keeps empty files from being free.
Result<Fd> attach_upper_in_memory(LayersInput& input)
{
    bool fresh = !input.memory;
    const std::string size = fmt::format("{}", input.plan.memory_size), inodes = fmt::format("{}", input.plan.memory_size / 4096);
    if (fresh)
        input.memory =
            TRY(kernel::make_mount(own_tmpfs(input.plan, {{"size", size}, {"nr_inodes", inodes}, {"mode", "0755"}}, kernel::no_suid_dev)));
    TRY(attach_in_stage(input.memory.get(), "memory"));
    if (fresh && (::mkdir("memory/upper", 0755) || ::mkdir("memory/work", 0755))) return sys_error("cannot make the upper in memory");
    TRY(link_in_stage("memory/upper", "upper"));
    TRY(link_in_stage("memory/work", "work"));
    return kernel::clone_mount(input.memory.get(), Subtree::Alone);
}

Result<> mount_layers(const Plan& plan, const std::string& target)
{
    return mount_overlay_in_stage({.what = fmt::format("the overlay of machine '{}'", plan.machine),
                                   .context = plan.context,
                                   .layers = plan.lower.size(),
                                   .upper = plan.upper != Upper::None},
                                  target);
}

// Mode volatile: an empty root with the /usr of the layers, and the links of a merged /usr (file-hierarchy(7)).
Result<> mount_only_usr(const Plan& plan, int layers)
{
    Fd usr = TRY(kernel::open_in_root(layers, "usr", O_PATH | O_DIRECTORY, Links::Refuse), "mode volatile needs a /usr");
    Fd tree = TRY(kernel::clone_mount(usr.get(), Subtree::Alone));
    const std::string size = plan.memory_size ? fmt::format("{}", plan.memory_size) : "10%";
    Fd root = TRY(kernel::make_mount(own_tmpfs(plan, {{"size", size}, {"nr_inodes", "1m"}, {"mode", "0755"}}, MOUNT_ATTR_NODEV)));
    for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
        const std::string target = fmt::format("usr/{}", name);
        if (!::faccessat(layers, target.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) && ::symlinkat(target.c_str(), root.get(), name))
            return sys_error("cannot make '/{}'", name);
    }
    for (const char* name : {"etc", "home", "mnt", "opt", "root", "srv", "var"})
        if (::mkdirat(root.get(), name, std::string_view(name) == "root" ? 0700 : 0755)) return sys_error("cannot make '/{}'", name);
    TRY(attach_in_stage(root.get(), "root"));
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
    return attach_in_stage(tree.get(), "root");
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
    Held held;
    TRY(attach_layers(input));
    switch (input.plan.upper) {
    case Upper::None: break;
    case Upper::Directory: held = TRY(attach_upper_on_disk(input)); break;
    case Upper::Memory: memory = TRY(attach_upper_in_memory(input)); break;
    }
    TRY(mount_layers(input.plan, "root"));
    if (input.plan.capped_on_disk()) TRY(cap_writes(input, input.plan.memory_size), describe_upper(input.plan));
    return memory;
}

}  // namespace

std::string describe_layer(const Plan& plan, size_t index)
{
    const std::string path = printable(plan.lower[index]);
    if (!plan.overlay()) return fmt::format("root '{}' of machine '{}'", path, plan.machine);
    return fmt::format("'{}' as layer {} of machine '{}'", path, index + 1, plan.machine);
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
