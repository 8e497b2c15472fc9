#include "rootfs/plan_mounts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace holm::rootfs {

namespace {

using machine::MountOwner;
using machine::MountType;
using machine::Spec;

constexpr std::array<std::string_view, 9> no_upper = {"overlay", "nfs", "cifs", "9p", "vfat", "fuse", "squashfs", "erofs", "proc"};

// What each step of the plan of one mount needs to know.
struct Asked {
    const Spec& spec;
    const machine::MountSpec& mount;
    const SourceFacts& source;
    const machine::IdRange& ids;
    std::string key;  // "mount[0]"
    std::string origin(std::string_view field) const { return describe_origin(spec, fmt::format("{}.{}", key, field)); }
};

bool shadows_api(const std::string& target)
{
    constexpr std::array<std::string_view, 3> whole = {"/", "/dev", "/run"};
    constexpr std::array<std::string_view, 5> below = {"/proc", "/sys", "/run/host", "/dev/pts", "/dev/console"};
    return std::ranges::find(whole, target) != whole.end() || std::ranges::any_of(below, [&](std::string_view top) {
               return target.starts_with(top) && (target.size() == top.size() || target[top.size()] == '/');
           });
}

// Those that name layers are place_overlay's.
Result<> set_option(Mount& mount, const std::string& option, const std::string& origin)
{
    const bool overlay = mount.type == MountType::Overlay, tmpfs = mount.type == MountType::Tmpfs;
    if (option == "nosuid") mount.nosuid = true;
    else if (option == "nodev") mount.nodev = true;
    else if (option == "noexec") mount.noexec = true;
    else if (option == "norec" && mount.type == MountType::Bind) mount.recursive = false;
    else if (option.starts_with("size=") && (tmpfs || overlay) && !option.contains(',')) mount.options += "," + option;
    else if (option.starts_with("mode=") && tmpfs && !option.contains(',')) mount.options += "," + option;
    else if (!overlay || !(option.starts_with("lower=") || option.starts_with("upper=")))
        return error(Errc::Invalid, "unknown option '{}' of a mount of this type{}", printable(option), origin);
    return {};
}

Result<UserMap> plan_user(const Asked& asked)
{
    const std::string& name = asked.mount.owner_user;
    const uint32_t id = asked.mount.owner_id;
    if (!asked.source.owner)
        return error(Errc::NotFound, "the owner of {}: there is no user '{}' on this host{}", asked.key, printable(name),
                     asked.origin("owner"));
    if (id >= asked.ids.count)
        return error(Errc::Invalid, "the owner of {}: the machine has the ids 0 to {}, not {}{}", asked.key, asked.ids.count - 1, id,
                     asked.origin("owner"));
    return UserMap{.uid = asked.source.owner->uid, .gid = asked.source.owner->gid, .id = id};
}

Result<> plan_bind(const Asked& asked, Mount& mount)
{
    const SourceFacts& source = asked.source;
    mount.id_mapped = asked.ids.shifts() && asked.mount.owner == MountOwner::Machine;
    if (asked.mount.owner == MountOwner::User) mount.user = TRY(plan_user(asked));
    if (!source.exists && !asked.mount.optional)
        return error(Errc::NotFound, "the source '{}' of {} does not exist: make it, or set optional = true{}", printable(mount.source),
                     asked.key, asked.origin("source"));
    if (source.exists && (mount.id_mapped || mount.user) && !source.can_be_id_mapped)
        return error(Errc::NotSupported, "the source '{}' of {} is on {}, which cannot be id-mapped: set its owner = \"host\"{}",
                     printable(mount.source), asked.key, source.file_system, asked.origin("source"));
    return {};
}

Result<> check_overlay_upper(const Asked& asked, const UpperPlace& place)
{
    const std::string path = printable(place.path), origin = asked.origin("options");
    if (!asked.source.upper || !asked.source.upper->parent)
        return error(Errc::NotFound, "the folder of the upper '{}' of {} does not exist{}", path, asked.key, origin);
    const Folder& parent = *asked.source.upper->parent;
    if (asked.source.upper->mounted)
        return error(Errc::Invalid, "the upper '{}' of {} is a mount point: name a folder in it{}", path, asked.key, origin);
    if (!can_hold_upper(parent.file_system) || parent.read_only)
        return error(Errc::NotSupported,
                     "the upper '{}' of {} is on {}{}, which overlayfs cannot write to: choose a folder on ext4, xfs or btrfs{}", path,
                     asked.key, parent.read_only ? "a read-only " : "", parent.file_system, origin);
    if (asked.ids.shifts() && !parent.can_be_id_mapped)
        return error(Errc::NotSupported, "the upper '{}' of {} is on {}, which cannot be id-mapped{}", path, asked.key, parent.file_system,
                     origin);
    return {};
}

Result<> plan_overlay(const Asked& asked, Mount& mount)
{
    const OverlayPlace place = place_overlay(asked.mount);
    mount.id_mapped = asked.ids.shifts();
    mount.lower.assign(place.layers.begin() + 1, place.layers.end());
    if (place.layers.size() > max_layers)
        return error(Errc::Invalid, "{} has {} layers, and an overlay takes {}{}", asked.key, place.layers.size(), max_layers,
                     asked.origin("options"));
    for (const Folder& layer : asked.source.layers)
        if (asked.ids.shifts() && !layer.can_be_id_mapped)
            return error(Errc::NotSupported, "the layer '{}' of {} is on {}, which cannot be id-mapped{}", printable(layer.path), asked.key,
                         layer.file_system, asked.origin("source"));
    if (place.upper.upper != Upper::Directory || !asked.source.exists) return {};
    mount.upper = place.upper.path, mount.work = place.upper.work;
    return check_overlay_upper(asked, place.upper);
}

Result<Mount> plan_mount(const Asked& asked)
{
    const machine::MountSpec& wanted = asked.mount;
    Mount mount{.type = wanted.type,
                .source = wanted.source,
                .target = wanted.target,
                .read_only = wanted.read_only,
                .optional = wanted.optional,
                .id_mapped = false,
                .key = asked.key};
    if (shadows_api(wanted.target))
        return error(Errc::Invalid, "nothing can be mounted on '{}' of a machine{}", printable(wanted.target), asked.origin("target"));
    if (wanted.type == MountType::Tmpfs) mount.options = "mode=755,nr_inodes=400k", mount.nosuid = mount.nodev = true;
    for (const std::string& option : wanted.options) TRY(set_option(mount, option, asked.origin("options")));
    switch (wanted.type) {
    case MountType::Bind: TRY(plan_bind(asked, mount)); break;
    case MountType::Overlay: TRY(plan_overlay(asked, mount)); break;
    case MountType::Tmpfs:
    case MountType::Inaccessible: mount.source.clear(); break;
    case MountType::Image:
        TRY(plan_bind(asked, mount));
        mount.read_only = true, mount.recursive = false;
        break;
    case MountType::Volume:  // a bind of its folder by now
        return error(Errc::Invalid, "the volume '{}' of {} is not resolved{}", printable(mount.source), asked.key, asked.origin("type"));
    }
    return mount;
}

}  // namespace

bool can_hold_upper(std::string_view file_system)
{
    return std::ranges::find(no_upper, file_system) == no_upper.end();
}

OverlayPlace place_overlay(const machine::MountSpec& mount)
{
    OverlayPlace place{.layers = {mount.source}, .upper = {.upper = mount.read_only ? Upper::None : Upper::Memory}};
    for (const std::string& option : mount.options) {
        if (option.starts_with("lower=")) place.layers.push_back(option.substr(6));
        if (option.starts_with("upper=")) {
            const std::string path = option.substr(6);
            place.upper = {.upper = Upper::Directory, .path = path, .work = path + ".work"};
        }
    }
    return place;
}

std::vector<std::string> layers_of(const Mount& overlay)
{
    std::vector<std::string> layers = {overlay.source};
    layers.insert(layers.end(), overlay.lower.begin(), overlay.lower.end());
    return layers;
}

Result<std::vector<Mount>> plan_mounts(const Spec& spec, const Facts& facts, const machine::IdRange& ids,
                                       std::vector<std::string>& warnings)
{
    std::vector<Mount> mounts;
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        const Asked asked{
            .spec = spec, .mount = spec.mounts[i], .source = facts.sources.at(i), .ids = ids, .key = fmt::format("mount[{}]", i)};
        Mount mount = TRY(plan_mount(asked));
        auto same = std::ranges::find(mounts, mount.target, &Mount::target);
        if (same != mounts.end())
            return error(Errc::Invalid, "{} has the target '{}' of {}{}", asked.key, printable(mount.target), same->key,
                         asked.origin("target"));
        const bool has_source = mount.type != MountType::Tmpfs && mount.type != MountType::Inaccessible;
        if (has_source && !asked.source.exists)
            warnings.push_back(fmt::format("the source '{}' of {} does not exist: skipped", printable(mount.source), asked.key));
        // What it would have locked is not there.
        if (mount.type == MountType::Overlay && !asked.source.exists) continue;
        mounts.push_back(std::move(mount));
    }
    std::ranges::sort(mounts, {}, [](const Mount& mount) { return std::pair(std::ranges::count(mount.target, '/'), mount.target); });
    return mounts;
}

}  // namespace holm::rootfs
