#include "rootfs/plan.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "rootfs/history.h"

namespace holm::rootfs {

namespace {

using machine::MountOwner;
using machine::MountType;
using machine::RootMode;
using machine::Spec;

constexpr uint64_t least_memory = 16 << 20;  // of a root in memory, where 10 % of RAM would be less

// File systems that overlayfs refuses as an upper: no whiteouts, no xattrs of trusted.*, or changed behind its back.
constexpr std::array<std::string_view, 9> no_upper = {"overlay", "nfs", "cifs", "9p", "vfat", "fuse", "squashfs", "erofs", "proc"};

// What to do about a layer whose ids cannot shift.
constexpr const char* instead_of_id_map =
    "move it to a file system that can (ext4, xfs, btrfs), or set security.users = \"identity\" or \"host\"";

bool contains(const auto& list, const auto& value)
{
    return std::ranges::find(list, value) != std::end(list);
}

// What was sealed of the upper lies over the layers that the spec names.
size_t count_sealed(const Facts& facts)
{
    auto is_sealed = [](const Folder& layer) {
        return parse_layer_id(std::string_view(layer.path).substr(layer.path.rfind('/') + 1)).has_value();
    };
    return static_cast<size_t>(std::ranges::count_if(facts.layers, is_sealed));
}

std::string layer_key(const Spec& spec, const Facts& facts, size_t i)
{
    if (!spec.root.path.empty()) return "root.path";
    return spec.root.image.empty() ? fmt::format("root.lower[{}]", i - std::min(i, count_sealed(facts))) : "root.image";
}

std::string layer_name(const Spec& spec, const Facts& facts, size_t i)
{
    std::string path = printable(facts.layers[i].path);
    return spec.root.lower.empty() ? fmt::format("the root '{}'", path) : fmt::format("layer {} '{}'", i + 1, path);
}

// Each folder at most once, none inside another: overlayfs would answer ELOOP.
Result<> check_nesting(const Spec& spec, const Facts& facts)
{
    for (size_t i = 0; i < facts.layers.size(); ++i) {
        for (size_t j = 0; j < facts.layers.size(); ++j) {
            if (i == j) continue;
            std::string origin = describe_origin(spec, layer_key(spec, facts, std::max(i, j)));
            if (facts.layers[i].id == facts.layers[j].id)
                return error(Errc::Invalid, "{} is the same folder as {}{}", layer_name(spec, facts, std::max(i, j)),
                             layer_name(spec, facts, std::min(i, j)), origin);
            if (contains(facts.layers[i].parents, facts.layers[j].id))
                return error(Errc::Invalid, "{} lies inside {}: overlayfs takes no layer inside another{}", layer_name(spec, facts, i),
                             layer_name(spec, facts, j), origin);
        }
    }
    return {};
}

Result<> check_layers(const Spec& spec, const Facts& facts, const machine::IdRange& ids)
{
    if (facts.layers.empty() || facts.layers.size() > 64)
        return error(Errc::Invalid, "a root has 1 to 64 layers, not {}", facts.layers.size());
    TRY(check_nesting(spec, facts));
    for (size_t i = 0; i < facts.layers.size(); ++i) {
        if (!ids.shifts() || facts.layers[i].can_be_id_mapped) continue;
        return error(Errc::NotSupported, "{} is on {}, which cannot be id-mapped: {}{}", layer_name(spec, facts, i),
                     facts.layers[i].file_system, instead_of_id_map, describe_origin(spec, layer_key(spec, facts, i)));
    }
    return {};
}

// The upper against the layers: the kernel allows it inside a layer, but no layer inside it or its work.
Result<> check_upper_apart(const Spec& spec, const Facts& facts, const UpperPlace& place)
{
    const UpperFacts& upper = *facts.upper;
    for (size_t i = 0; i < facts.layers.size(); ++i) {
        const Folder& layer = facts.layers[i];
        std::string name = layer_name(spec, facts, i), origin = describe_origin(spec, "root.upper");
        if (upper.folder && layer.id == upper.folder->id)
            return error(Errc::Invalid, "the upper '{}' is the same folder as {}{}", printable(place.path), name, origin);
        if (upper.folder && contains(layer.parents, upper.folder->id))
            return error(Errc::Invalid, "{} lies inside the upper '{}'{}", name, printable(place.path), origin);
        if (upper.work && (layer.id == *upper.work || contains(layer.parents, *upper.work)))
            return error(Errc::Invalid, "{} lies inside '{}', the work folder of the upper{}", name, printable(place.work), origin);
    }
    return {};
}

Result<> check_upper(const Spec& spec, const Facts& facts, const UpperPlace& place, const machine::IdRange& ids)
{
    std::string path = printable(place.path), origin = describe_origin(spec, "root.upper");
    if (!facts.upper || (!facts.upper->parent && !place.ours))
        return error(Errc::NotFound, "the folder of the upper '{}' does not exist{}", path, origin);
    const UpperFacts& upper = *facts.upper;
    if (upper.mounted)
        return error(Errc::Invalid,
                     "the upper '{}' is a mount point, and its work folder would lie on another mount: name a folder in it{}", path,
                     origin);
    TRY(check_upper_apart(spec, facts, place));
    if (!upper.parent) return {};  // ours, not made yet
    const Folder& parent = *upper.parent;
    if (contains(no_upper, parent.file_system))
        return error(Errc::NotSupported,
                     "the upper '{}' is on {}, which overlayfs cannot write to: choose a folder on ext4, xfs, btrfs or tmpfs with "
                     "root.upper, or keep the changes in memory with root.mode = \"ephemeral\" and no root.upper{}",
                     path, parent.file_system, origin);
    if (parent.read_only) return error(Errc::Invalid, "the upper '{}' is on a read-only file system{}", path, origin);
    if (ids.shifts() && !parent.can_be_id_mapped)
        return error(Errc::NotSupported, "the upper '{}' is on {}, which cannot be id-mapped: {}{}", path, parent.file_system,
                     instead_of_id_map, origin);
    // What is emptied must have been holm's: its work folder is the mark.
    if (place.empty_at_end && !upper.empty && !upper.work)
        return error(Errc::Invalid, "the upper '{}' of an ephemeral root is not empty and would be emptied: name an empty folder{}", path,
                     origin);
    return {};
}

Result<> check_in_place(const Spec& spec, const Facts& facts)
{
    std::string origin = describe_origin(spec, layer_key(spec, facts, 0));
    if (facts.layers[0].id == facts.host_root)
        return error(Errc::Invalid,
                     "the host's own root cannot be used in place: set root.upper, or root.mode = \"ephemeral\", \"read-only\" or "
                     "\"volatile\"{}",
                     origin);
    if (facts.layers[0].read_only)
        return error(Errc::Invalid, "{} is on a read-only file system: set root.mode = \"read-only\" or \"ephemeral\"{}",
                     layer_name(spec, facts, 0), origin);
    return {};
}

// The keys of [root] that do not go together.
Result<> check_mode(const Spec& spec, const UpperPlace& place)
{
    const machine::RootSpec& root = spec.root;
    if (!root.upper.empty() && root.mode == RootMode::ReadOnly)
        return error(Errc::Invalid, "a read-only root has no upper: make '{}' the first of root.lower{}", printable(root.upper),
                     describe_origin(spec, "root.upper"));
    if (!root.upper.empty() && root.mode == RootMode::Volatile)
        return error(Errc::Invalid, "a volatile root keeps nothing and has no upper{}", describe_origin(spec, "root.upper"));
    if (root.size && place.upper != Upper::Memory && root.mode != RootMode::Volatile)
        return error(Errc::Invalid, "root.size caps a root in memory, and the changes of this one are not kept in memory{}",
                     describe_origin(spec, "root.size"));
    return {};
}

uint64_t memory_size(const Spec& spec, uint64_t memory)
{
    constexpr uint64_t mebibyte = 1 << 20;
    return spec.root.size.value_or(std::max(least_memory, memory / 10 / mebibyte * mebibyte));
}

bool shadows_api(const std::string& target)
{
    constexpr std::array<std::string_view, 3> whole = {"/", "/dev", "/run"};
    constexpr std::array<std::string_view, 5> below = {"/proc", "/sys", "/run/host", "/dev/pts", "/dev/console"};
    return contains(whole, target) || std::ranges::any_of(below, [&](std::string_view top) {
               return target.starts_with(top) && (target.size() == top.size() || target[top.size()] == '/');
           });
}

Result<> set_option(Mount& mount, const std::string& option, const std::string& origin)
{
    if (option == "nosuid") mount.nosuid = true;
    else if (option == "nodev") mount.nodev = true;
    else if (option == "noexec") mount.noexec = true;
    else if (option == "norec" && mount.type == MountType::Bind) mount.recursive = false;
    else if (mount.type == MountType::Tmpfs && (option.starts_with("size=") || option.starts_with("mode=")) && !option.contains(','))
        mount.options += "," + option;
    else return error(Errc::Invalid, "unknown option '{}' of a mount of this type{}", printable(option), origin);
    return {};
}

Result<Mount> plan_mount(const Spec& spec, const Facts& facts, const machine::IdRange& ids, size_t i)
{
    const machine::MountSpec& asked = spec.mounts[i];
    std::string key = fmt::format("mount[{}]", i), origin = describe_origin(spec, key + ".target");
    Mount mount{.type = asked.type,
                .source = asked.source,
                .target = asked.target,
                .read_only = asked.read_only,
                .optional = asked.optional,
                .id_mapped = ids.shifts() && asked.owner == MountOwner::Machine,
                .key = key};
    if (asked.type != MountType::Bind && asked.type != MountType::Tmpfs && asked.type != MountType::Inaccessible)
        return error(Errc::NotSupported, "not supported yet: the type of {}{}", key, describe_origin(spec, key + ".type"));
    if (asked.owner == MountOwner::User)
        return error(Errc::NotSupported, "not supported yet: the owner of {}{}", key, describe_origin(spec, key + ".owner"));
    if (shadows_api(asked.target))
        return error(Errc::Invalid, "nothing can be mounted on '{}' of a machine{}", printable(asked.target), origin);
    if (asked.type == MountType::Tmpfs) mount.options = "mode=755,nr_inodes=400k", mount.nosuid = mount.nodev = true;
    for (const std::string& option : asked.options) TRY(set_option(mount, option, describe_origin(spec, key + ".options")));
    if (asked.type != MountType::Bind) {
        mount.source.clear(), mount.id_mapped = false;
        return mount;
    }
    const SourceFacts& source = facts.sources.at(i);
    origin = describe_origin(spec, key + ".source");
    if (!source.exists && !asked.optional)
        return error(Errc::NotFound, "the source '{}' of {} does not exist{}", printable(asked.source), key, origin);
    if (source.exists && mount.id_mapped && !source.can_be_id_mapped)
        return error(Errc::NotSupported, "the source '{}' of {} is on {}, which cannot be id-mapped: set its owner = \"host\"{}",
                     printable(asked.source), key, source.file_system, origin);
    return mount;
}

// The mounts, those nearer to the root first: a later one never covers an earlier one unasked.
Result<std::vector<Mount>> plan_mounts(const Spec& spec, const Facts& facts, const machine::IdRange& ids,
                                       std::vector<std::string>& warnings)
{
    std::vector<Mount> mounts;
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        mounts.push_back(TRY(plan_mount(spec, facts, ids, i)));
        for (size_t j = 0; j < i; ++j)
            if (mounts[j].target == mounts[i].target)
                return error(Errc::Invalid, "mount[{}] has the target '{}' of mount[{}]{}", i, printable(mounts[i].target), j,
                             describe_origin(spec, mounts[i].key + ".target"));
        if (mounts[i].type == MountType::Bind && !facts.sources[i].exists)
            warnings.push_back(fmt::format("the source '{}' of mount[{}] does not exist: skipped", printable(mounts[i].source), i));
    }
    std::ranges::stable_sort(mounts, {}, [](const Mount& mount) { return std::ranges::count(mount.target, '/'); });
    return mounts;
}

}  // namespace

UpperPlace place_upper(const Spec& spec, const std::string& state)
{
    const machine::RootSpec& root = spec.root;
    bool ephemeral = root.mode == RootMode::Ephemeral;
    if (root.mode == RootMode::ReadOnly || root.mode == RootMode::Volatile) return {};
    if (!root.upper.empty())
        return {.upper = Upper::Directory, .path = root.upper, .work = root.upper + ".work", .empty_at_end = ephemeral};
    if (ephemeral) return {.upper = Upper::Memory};
    if (!root.path.empty()) return {};  // in place
    return {.upper = Upper::Directory, .path = state + "/upper", .work = state + "/work", .ours = true};
}

Result<Plan> plan_rootfs(const Spec& spec, const Facts& facts, const PlanInput& input, std::vector<std::string>& warnings)
{
    UpperPlace place = place_upper(spec, input.state);
    TRY(check_mode(spec, place));
    TRY(check_layers(spec, facts, input.ids));
    if (place.upper == Upper::Directory) TRY(check_upper(spec, facts, place, input.ids));

    Plan plan{.machine = spec.name.text(), .ids = input.ids};
    for (const Folder& layer : facts.layers) plan.lower.push_back(layer.path);
    plan.upper = place.upper;
    plan.upper_path = place.path, plan.work_path = place.work;
    plan.create_upper = place.upper == Upper::Directory;
    plan.empty_at_end = place.empty_at_end;
    plan.read_only = spec.root.mode == RootMode::ReadOnly;
    plan.only_usr = spec.root.mode == RootMode::Volatile;
    if (place.upper == Upper::Memory || plan.only_usr) plan.memory_size = memory_size(spec, input.memory);
    if (plan.in_place()) TRY(check_in_place(spec, facts));
    plan.hidden = facts.seen;
    plan.mounts = TRY(plan_mounts(spec, facts, input.ids, warnings));
    return plan;
}

}  // namespace holm::rootfs
