#include "rootfs/plan.h"

#include <algorithm>

#include "base/text.h"
#include "rootfs/history.h"
#include "rootfs/plan_mounts.h"

namespace holm::rootfs {

namespace {

using machine::RootMode;
using machine::Spec;

constexpr uint64_t least_memory = 16 << 20;  // of a root in memory, where 10 % of RAM would be less

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
    if (facts.layers.empty() || facts.layers.size() > max_layers)
        return error(Errc::Invalid, "a root has 1 to {} layers, not {}", max_layers, facts.layers.size());
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

// Of the file systems that can hold an upper: those whose kernel counts projects, and btrfs, which counts subvolumes: those that holm
// makes.
Result<> check_cap(const Spec& spec, std::string_view file_system, const UpperPlace& place)
{
    if (!spec.root.size || file_system == "ext4" || file_system == "xfs" || (file_system == "btrfs" && place.ours)) return {};
    const std::string origin = describe_origin(spec, "root.size");
    if (file_system == "btrfs")
        return error(Errc::NotSupported,
                     "root.size caps an upper on btrfs with the subvolume of the machine's own state, and the upper '{}' lies elsewhere: "
                     "leave root.upper away{}",
                     printable(place.path), origin);
    return error(Errc::NotSupported,
                 "root.size caps an upper by a project quota, which {} has none of: keep the upper '{}' on ext4 or xfs, or the changes in "
                 "memory with root.mode = \"ephemeral\" and no root.upper{}",
                 file_system, printable(place.path), origin);
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
    if (!can_hold_upper(parent.file_system))
        return error(Errc::NotSupported,
                     "the upper '{}' is on {}, which overlayfs cannot write to: choose a folder on ext4, xfs, btrfs or tmpfs with "
                     "root.upper, or keep the changes in memory with root.mode = \"ephemeral\" and no root.upper{}",
                     path, parent.file_system, origin);
    if (parent.read_only) return error(Errc::Invalid, "the upper '{}' is on a read-only file system{}", path, origin);
    if (ids.shifts() && !parent.can_be_id_mapped)
        return error(Errc::NotSupported, "the upper '{}' is on {}, which cannot be id-mapped: {}{}", path, parent.file_system,
                     instead_of_id_map, origin);
    TRY(check_cap(spec, parent.file_system, place));
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
    if (root.size && place.upper == Upper::None && root.mode != RootMode::Volatile)
        return error(Errc::Invalid, "root.size caps the upper of a machine, and this one has none{}", describe_origin(spec, "root.size"));
    return {};
}

uint64_t memory_size(const Spec& spec, uint64_t memory)
{
    constexpr uint64_t mebibyte = 1 << 20;
    return spec.root.size.value_or(std::max(least_memory, memory / 10 / mebibyte * mebibyte));
}

std::vector<Device> plan_devices(const Facts& facts)
{
    std::vector<Device> devices;
    for (auto& list : facts.devices)
        for (const Device& device : list)
            if (std::ranges::find(devices, device.path, &Device::path) == devices.end()) devices.push_back(device);
    return devices;
}

// A root that is a file: written to in place where its file system can be, as by systemd-nspawn; else it is read-only.
void plan_disks(const Facts& facts, Plan& plan)
{
    plan.disks = facts.disks;
    auto root = std::ranges::find(plan.disks, plan.lower.front(), &Disk::path);
    if (!plan.in_place() || root == plan.disks.end()) return;
    if (root->type == "squashfs" || root->type == "erofs") {
        plan.read_only = true;
        return;
    }
    root->writable = true;
    root->options.clear();
    if (root->type == "xfs") root->options = {"nouuid"};
}

// What a machine inside could write there is the host's own where the ids are the host's.
Result<> check_nesting_ids(const Spec& spec, const machine::IdRange& ids)
{
    if (!spec.security.nesting || ids.shifts()) return {};
    return error(Errc::Invalid, "nesting needs a private range of user ids: set security.users = \"auto\"{}",
                 describe_origin(spec, "security.nesting"));
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
    if (place.upper == Upper::Directory) plan.memory_size = spec.root.size.value_or(0);
    if (place.upper == Upper::Memory || plan.only_usr) plan.memory_size = memory_size(spec, input.memory);
    plan_disks(facts, plan);
    if (plan.in_place()) TRY(check_in_place(spec, facts));
    plan.hidden = facts.seen;
    plan.devices = plan_devices(facts);
    TRY(check_nesting_ids(spec, input.ids));
    plan.uncovered_kernel_files = spec.security.nesting;
    plan.mounts = TRY(plan_mounts(spec, facts, input.ids, warnings));
    return plan;
}

}  // namespace holm::rootfs
