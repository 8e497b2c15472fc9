#include "rootfs/apply_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/apply_layers.h"
#include "rootfs/apply_overlay.h"
#include "rootfs/own_tmpfs.h"

namespace holm::rootfs {

namespace {

using kernel::Links;
using kernel::Subtree;

Result<bool> is_folder(int file)
{
    struct stat status;
    if (::fstat(file, &status)) return sys_error("cannot look at a file");
    return S_ISDIR(status.st_mode);
}

uint64_t attributes_of(const Mount& mount)
{
    uint64_t attributes = 0;
    if (mount.read_only) attributes |= MOUNT_ATTR_RDONLY;
    if (mount.nosuid) attributes |= MOUNT_ATTR_NOSUID;
    if (mount.nodev) attributes |= MOUNT_ATTR_NODEV;
    if (mount.noexec) attributes |= MOUNT_ATTR_NOEXEC;
    return attributes;
}

// One of the stage's masks: an empty file or folder of real root, which the machine can neither read nor change.
Result<Fd> clone_mask(StageMask kind)
{
    Fd mask = TRY(open_stage_mask(kind));
    Fd bind = TRY(kernel::clone_mount(mask.get(), Subtree::Alone));
    TRY(kernel::change_mount(bind.get(), {.attributes = MOUNT_ATTR_RDONLY | kernel::no_suid_dev_exec}));
    return bind;
}

Result<> attach_bind(const MountsInput& input, size_t index)
{
    const Mount& mount = input.plan.mounts[index];
    const std::string what = fmt::format("'{}'", printable(mount.source));
    Fd source = TRY(open_at(input.sources.staged.get(), staged_bind(index), O_PATH));
    bool folder = TRY(is_folder(source.get()), what);
    bool recursive = mount.recursive && folder;
    Fd bind = TRY(kernel::clone_mount(source.get(), recursive ? Subtree::WithMountsBelow : Subtree::Alone), what);
    TRY(map_mount(bind.get(),
                  {.plan = input.plan,
                   .user_namespace = input.user_namespace,
                   .attributes = attributes_of(mount),
                   .id_mapped = mount.id_mapped && !mount.user,  // those of a user are already
                   .recursive = recursive},
                  what));
    Fd target = folder ? TRY(kernel::make_folder_in_root(input.root, mount.target, Links::Inside))
                       : TRY(kernel::make_file_in_root(input.root, mount.target, Links::Inside));
    return kernel::attach_mount(bind.get(), target.get());
}

// Of an option that is said twice tmpfs takes the last: the user's.
Result<> attach_tmpfs(const MountsInput& input, const Mount& mount)
{
    kernel::FileSystem tmpfs = own_tmpfs(input.plan, {{"mode", "0755"}, {"size", "10%"}, {"nr_inodes", "400k"}}, attributes_of(mount));
    for (std::string_view option : split(mount.options, ',')) {
        size_t equals = option.find('=');
        if (!option.empty()) tmpfs.options.emplace_back(option.substr(0, equals), equals == option.npos ? "" : option.substr(equals + 1));
    }
    Fd target = TRY(kernel::make_folder_in_root(input.root, mount.target, Links::Inside));
    Fd made = TRY(kernel::make_mount(tmpfs));
    return kernel::attach_mount(made.get(), target.get());
}

Result<> attach_inaccessible(const MountsInput& input, const Mount& mount)
{
    auto target = kernel::open_in_root(input.root, mount.target, O_PATH, Links::Inside);
    if (!target && target.error().sys_errno == ENOENT) {
        if (mount.optional) return {};
        target = kernel::make_folder_in_root(input.root, mount.target, Links::Inside);
    }
    if (!target) return target.error();
    bool folder = TRY(is_folder(target->get()));
    Fd mask = TRY(clone_mask(folder ? StageMask::Folder : StageMask::File));
    return kernel::attach_mount(mask.get(), target->get());
}

Result<> attach_overlay(const MountsInput& input, size_t index)
{
    const Mount& mount = input.plan.mounts[index];
    Fd made = TRY(make_overlay_mount({.plan = input.plan,
                                      .mount = mount,
                                      .source = input.sources.mounts[index],
                                      .sources = input.sources.staged.get(),
                                      .user_namespace = input.user_namespace,
                                      .index = index}));
    TRY(kernel::change_mount(made.get(), {.attributes = attributes_of(mount), .make_private = true}));
    Fd target = TRY(kernel::make_folder_in_root(input.root, mount.target, Links::Inside));
    return kernel::attach_mount(made.get(), target.get());
}

Result<> attach_one(const MountsInput& input, size_t index)
{
    const Mount& mount = input.plan.mounts[index];
    const bool there = input.sources.mounts[index].there;
    switch (mount.type) {
    case machine::MountType::Bind:
    case machine::MountType::Image: return there ? attach_bind(input, index) : Result<>();
    case machine::MountType::Overlay: return there ? attach_overlay(input, index) : Result<>();
    case machine::MountType::Tmpfs: return attach_tmpfs(input, mount);
    case machine::MountType::Inaccessible: return attach_inaccessible(input, mount);
    case machine::MountType::Volume: break;  // a bind of its folder by now
    }
    return error(Errc::Invalid, "a volume is mounted as a bind of its folder");
}

// Where a link is in the way.
std::string_view next_step(const Mount& mount)
{
    if (mount.key == "identity.resolv_conf") return "; resolv_conf = \"replace-host\" puts a file in place of the link, \"off\" leaves it";
    if (mount.key == "identity.timezone") return "; timezone = \"off\" leaves it as it is";
    return "; take the link out of the root, or put there what it leads to";
}

Result<> hide(const MountsInput& input, const std::string& path)
{
    auto target = kernel::open_in_root(input.root, path, O_PATH, Links::Inside);
    if (!target && target.error().sys_errno == ENOENT) return {};
    if (!target) return target.error();
    bool folder = TRY(is_folder(target->get()));
    Fd mask = TRY(clone_mask(folder ? StageMask::EmptyFolder : StageMask::File));
    return kernel::attach_mount(mask.get(), target->get());
}

}  // namespace

Result<> attach_mounts(const MountsInput& input)
{
    for (size_t i = 0; i < input.plan.mounts.size(); ++i) {
        const Mount& mount = input.plan.mounts[i];
        auto attached = attach_one(input, i);
        if (attached) continue;
        if (attached.error().sys_errno == ELOOP) attached.error().text += next_step(mount);
        return with_context(std::move(attached.error()), fmt::format("{}: cannot mount on '{}' of machine '{}'", mount.key,
                                                                     printable(mount.target), input.plan.machine));
    }
    for (auto& path : input.plan.hidden)
        TRY(hide(input, path), fmt::format("cannot hide '{}' from machine '{}'", printable(path), input.plan.machine));
    return {};
}

}  // namespace holm::rootfs
