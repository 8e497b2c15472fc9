// The root by spec and facts: the paragraph "Upper" of holm.machine(5) as a table, and every refusal.
#include "rootfs/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace holm::rootfs {
namespace {

using machine::RootMode;
using machine::Spec;

constexpr const char* state = "/var/lib/holm/machines/web";
constexpr uint64_t memory = uint64_t{10} << 30;

Folder folder(std::string path, uint64_t inode)
{
    return {.path = std::move(path), .id = {1, inode}, .file_system = "ext4", .parents = {{1, 3}, {1, 2}}};
}

struct Case {
    Spec spec;
    Facts facts;
    machine::IdRange ids{machine::IdMapping::Range, 524288, 65536};
    std::vector<std::string> warnings;

    Result<Plan> plan() { return plan_rootfs(spec, facts, {.ids = ids, .state = state, .memory = memory}, warnings); }
    std::string refusal()
    {
        auto planned = plan();
        return planned ? "" : planned.error().text;
    }
};

Case base()
{
    Case made;
    made.spec.name = *machine::parse_name("web");
    made.facts.host_root = {1, 2};
    return made;
}

Case with_path()
{
    Case made = base();
    made.spec.root.path = "/srv/web";
    made.facts.layers = {folder("/srv/web", 10)};
    return made;
}

Case with_lower(size_t count = 2)
{
    Case made = base();
    for (size_t i = 0; i < count; ++i) {
        made.spec.root.lower.push_back(fmt::format("/srv/{}", i));
        made.facts.layers.push_back(folder(made.spec.root.lower.back(), 10 + i));
    }
    made.facts.upper = UpperFacts{.parent = folder("/var/lib/holm", 5)};
    return made;
}

Case with_upper(Case made, RootMode mode = RootMode::Persistent)
{
    made.spec.root.upper = "/srv/web.upper";
    made.spec.root.mode = mode;
    made.facts.upper = UpperFacts{.folder = folder("/srv/web.upper", 20), .parent = folder("/srv", 3)};
    return made;
}

TEST(RootPlan, PathIsUsedInPlace)
{
    Plan plan = *with_path().plan();
    EXPECT_FALSE(plan.overlay());
    EXPECT_TRUE(plan.in_place());
    EXPECT_EQ(plan.lower, std::vector<std::string>{"/srv/web"});
    EXPECT_FALSE(plan.create_upper);
}

TEST(RootPlan, PathWithUpperIsTheOnlyLower)
{
    Plan plan = *with_upper(with_path()).plan();
    EXPECT_TRUE(plan.overlay());
    EXPECT_EQ(plan.upper, Upper::Directory);
    EXPECT_EQ(plan.upper_path, "/srv/web.upper");
    EXPECT_EQ(plan.work_path, "/srv/web.upper.work");
    EXPECT_FALSE(plan.empty_at_end);
    EXPECT_FALSE(plan.in_place());
}

TEST(RootPlan, LowerHasAnUpperOfHolmsOwn)
{
    Plan plan = *with_lower().plan();
    EXPECT_EQ(plan.upper, Upper::Directory);
    EXPECT_EQ(plan.upper_path, std::string(state) + "/upper");
    EXPECT_EQ(plan.work_path, std::string(state) + "/work");
    EXPECT_TRUE(plan.create_upper);
    EXPECT_EQ(plan.lower, (std::vector<std::string>{"/srv/0", "/srv/1"}));
}

TEST(RootPlan, EphemeralIsInMemory)
{
    for (Case made : {with_path(), with_lower()}) {
        made.spec.root.mode = RootMode::Ephemeral;
        Plan plan = *made.plan();
        EXPECT_EQ(plan.upper, Upper::Memory);
        EXPECT_EQ(plan.memory_size, uint64_t{1} << 30);
        EXPECT_TRUE(plan.upper_path.empty());
        made.spec.root.size = 5 << 20;
        EXPECT_EQ(made.plan()->memory_size, uint64_t{5} << 20);
    }
}

TEST(RootPlan, EphemeralUpperOnDiskIsEmptiedAtTheEnd)
{
    Plan plan = *with_upper(with_lower(), RootMode::Ephemeral).plan();
    EXPECT_EQ(plan.upper, Upper::Directory);
    EXPECT_TRUE(plan.empty_at_end);
}

TEST(RootPlan, EphemeralUpperWithSomebodysFilesIsRefused)
{
    Case made = with_upper(with_lower(), RootMode::Ephemeral);
    made.facts.upper->empty = false;
    EXPECT_EQ(made.refusal(), "the upper '/srv/web.upper' of an ephemeral root is not empty and would be emptied: name an empty folder");
    made.facts.upper->work = FileId{1, 21};  // what a power cut has left
    EXPECT_EQ(made.refusal(), "");
}

TEST(RootPlan, ReadOnly)
{
    Case path = with_path(), lower = with_lower();
    path.spec.root.mode = lower.spec.root.mode = RootMode::ReadOnly;
    EXPECT_TRUE(path.plan()->read_only);
    EXPECT_FALSE(path.plan()->overlay());
    EXPECT_EQ(lower.plan()->upper, Upper::None);
    EXPECT_TRUE(lower.plan()->overlay());
    EXPECT_TRUE(with_upper(path, RootMode::ReadOnly).refusal().starts_with("a read-only root has no upper"));
}

TEST(RootPlan, VolatileKeepsOnlyUsr)
{
    Case made = with_path();
    made.spec.root.mode = RootMode::Volatile;
    Plan plan = *made.plan();
    EXPECT_TRUE(plan.only_usr);
    EXPECT_EQ(plan.memory_size, uint64_t{1} << 30);
    EXPECT_FALSE(plan.in_place());
}

TEST(RootPlan, SizeNeedsAnUpperAndAQuota)
{
    Case made = with_path();
    made.spec.root.size = 1 << 30;
    EXPECT_TRUE(made.refusal().starts_with("root.size caps the upper of a machine, and this one has none"));
    Case capped = with_upper(with_lower());
    capped.spec.root.size = 1 << 30;
    EXPECT_EQ(capped.plan()->memory_size, uint64_t{1} << 30);
    capped.facts.upper->parent->file_system = "tmpfs";
    EXPECT_TRUE(capped.refusal().starts_with("root.size caps an upper by a project quota, which tmpfs has none of"));
    capped.facts.upper->parent->file_system = "btrfs";
    EXPECT_TRUE(capped.refusal().starts_with("root.size caps an upper on btrfs with the subvolume of the machine's own state"));
    capped.spec.root.upper.clear();
    EXPECT_EQ(capped.plan()->memory_size, uint64_t{1} << 30);
}

TEST(RootPlan, HostRootInPlaceIsRefusedAndGoodAsLower)
{
    Case made = with_path();
    made.facts.layers[0].id = made.facts.host_root;
    EXPECT_TRUE(made.refusal().starts_with("the host's own root cannot be used in place"));
    made.spec.root.mode = RootMode::Ephemeral;
    EXPECT_EQ(made.refusal(), "");
}

TEST(RootPlan, ReadOnlyFileSystemInPlaceIsRefused)
{
    Case made = with_path();
    made.facts.layers[0].read_only = true;
    EXPECT_EQ(made.refusal(), "the root '/srv/web' is on a read-only file system: set root.mode = \"read-only\" or \"ephemeral\"");
}

TEST(RootPlan, LayerThatCannotBeIdMappedIsNamedWithWhatToDo)
{
    Case made = with_lower();
    made.facts.layers[1].can_be_id_mapped = false;
    made.facts.layers[1].file_system = "overlay";
    made.spec.origins["root.lower[1]"] = {"/etc/holm/machines/web.toml", 4, 10};
    EXPECT_EQ(made.refusal(),
              "layer 2 '/srv/1' is on overlay, which cannot be id-mapped: move it to a file system that can (ext4, xfs, btrfs), or set "
              "security.users = \"identity\" or \"host\" (/etc/holm/machines/web.toml:4:10)");
    made.ids = {machine::IdMapping::Host, 0, UINT32_MAX};
    EXPECT_EQ(made.refusal(), "");
}

struct Refusal {
    const char* name;
    std::function<void(Case&)> change;
    const char* text;
};

class UpperRefused : public testing::TestWithParam<Refusal> {};

TEST_P(UpperRefused, WithASentence)
{
    Case made = with_upper(with_lower());
    ASSERT_EQ(made.refusal(), "");
    GetParam().change(made);
    EXPECT_TRUE(made.refusal().starts_with(GetParam().text)) << made.refusal();
}

INSTANTIATE_TEST_SUITE_P(
    Each, UpperRefused,
    testing::Values(Refusal{"OnOverlayfs", [](Case& made) { made.facts.upper->parent->file_system = "overlay"; },
                            "the upper '/srv/web.upper' is on overlay, which overlayfs cannot write to: choose a folder"},
                    Refusal{"ParentMissing", [](Case& made) { made.facts.upper = UpperFacts{}; },
                            "the folder of the upper '/srv/web.upper' does not exist"},
                    Refusal{"MountPoint", [](Case& made) { made.facts.upper->mounted = true; },
                            "the upper '/srv/web.upper' is a mount point"},
                    Refusal{"ReadOnly", [](Case& made) { made.facts.upper->parent->read_only = true; },
                            "the upper '/srv/web.upper' is on a read-only file system"},
                    Refusal{"NotIdMappable", [](Case& made) { made.facts.upper->parent->can_be_id_mapped = false; },
                            "the upper '/srv/web.upper' is on ext4, which cannot be id-mapped"},
                    Refusal{"SameAsLower", [](Case& made) { made.facts.layers[1].id = made.facts.upper->folder->id; },
                            "the upper '/srv/web.upper' is the same folder as layer 2 '/srv/1'"},
                    Refusal{"LowerInside", [](Case& made) { made.facts.layers[0].parents.push_back(made.facts.upper->folder->id); },
                            "layer 1 '/srv/0' lies inside the upper '/srv/web.upper'"},
                    Refusal{"LowerInsideWork",
                            [](Case& made) {
                                made.facts.upper->work = FileId{1, 30};
                                made.facts.layers[0].parents.push_back({1, 30});
                            },
                            "layer 1 '/srv/0' lies inside '/srv/web.upper.work', the work folder"},
                    Refusal{"SameLowerTwice", [](Case& made) { made.facts.layers[1].id = made.facts.layers[0].id; },
                            "layer 2 '/srv/1' is the same folder as layer 1 '/srv/0'"},
                    Refusal{"LowerInsideLower", [](Case& made) { made.facts.layers[0].parents.push_back(made.facts.layers[1].id); },
                            "layer 1 '/srv/0' lies inside layer 2 '/srv/1'"}),
    [](const auto& refusal) { return refusal.param.name; });

TEST(RootPlan, UpperInsideALayerIsGood)
{
    Case made = with_upper(with_lower(1));
    made.facts.layers[0].id = {1, 3};
    made.facts.upper->folder->parents = {{1, 3}};
    EXPECT_EQ(made.refusal(), "");
}

TEST(RootPlan, LayerCount)
{
    EXPECT_EQ(with_lower(250).refusal(), "");
    EXPECT_EQ(with_lower(251).refusal(), "a root has 1 to 250 layers, not 251");
}

machine::MountSpec bind(std::string source, std::string target)
{
    return {.source = std::move(source), .target = std::move(target)};
}

Case with_mounts(std::vector<machine::MountSpec> mounts)
{
    Case made = with_path();
    made.spec.mounts = std::move(mounts);
    made.facts.sources.assign(made.spec.mounts.size(), {.exists = true, .can_be_id_mapped = true, .file_system = "ext4"});
    return made;
}

TEST(RootMounts, NearerToTheRootComesFirst)
{
    Plan plan = *with_mounts({bind("/a", "/x/y/z"), bind("/b", "/x"), bind("/c", "/w")}).plan();
    ASSERT_EQ(plan.mounts.size(), 3U);
    EXPECT_EQ(plan.mounts[0].target, "/w");
    EXPECT_EQ(plan.mounts[1].target, "/x");
    EXPECT_EQ(plan.mounts[2].target, "/x/y/z");
    EXPECT_EQ(plan.mounts[2].key, "mount[0]");
}

// Whatever the order in the file.
TEST(RootMounts, OrderOfTheFileDoesNotMatter)
{
    auto targets = [](const std::vector<machine::MountSpec>& mounts) {
        std::vector<std::string> made;
        const Plan plan = *with_mounts(mounts).plan();
        for (const Mount& mount : plan.mounts) made.push_back(mount.target);
        return made;
    };
    std::vector<machine::MountSpec> mounts = {bind("/a", "/a"), bind("/b", "/a/b"), bind("/c", "/c"), bind("/d", "/a/c")};
    const std::vector<std::string> order = targets(mounts);
    std::ranges::sort(mounts, {}, &machine::MountSpec::source);
    do EXPECT_EQ(targets(mounts), order);
    while (std::ranges::next_permutation(mounts, {}, &machine::MountSpec::source).found);
}

machine::MountSpec of_alice(uint32_t id)
{
    machine::MountSpec asked = bind("/home/alice", "/home/alice");
    asked.owner = machine::MountOwner::User, asked.owner_user = "alice", asked.owner_id = id;
    return asked;
}

TEST(RootMounts, OwnerIsAUserOfTheHost)
{
    Case made = with_mounts({of_alice(1000)});
    EXPECT_EQ(made.refusal(), "the owner of mount[0]: there is no user 'alice' on this host");
    made.facts.sources[0].owner = HostUser{.uid = 1001, .gid = 1002};
    const Mount mount = made.plan()->mounts[0];
    EXPECT_FALSE(mount.id_mapped);
    EXPECT_EQ(mount.user, (UserMap{.uid = 1001, .gid = 1002, .id = 1000}));
    made.spec.mounts = {of_alice(70000)};
    EXPECT_EQ(made.refusal(), "the owner of mount[0]: the machine has the ids 0 to 65535, not 70000");
    made.spec.mounts = {of_alice(1000)};
    made.facts.sources[0].can_be_id_mapped = false;
    EXPECT_NE(made.refusal(), "");
}

Case with_overlay(std::vector<std::string> options)
{
    Case made = with_mounts({{.source = "/a", .target = "/x", .type = machine::MountType::Overlay, .options = std::move(options)}});
    made.facts.sources[0].layers = {{.path = "/a", .file_system = "ext4"}, {.path = "/b", .file_system = "ext4"}};
    made.facts.sources[0].upper = UpperFacts{.parent = Folder{.path = "/", .file_system = "ext4"}};
    return made;
}

TEST(RootMounts, OverlayInMemoryOrOnDisk)
{
    const Mount in_memory = with_overlay({"lower=/b", "size=16777216"}).plan()->mounts[0];
    EXPECT_EQ(layers_of(in_memory), (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(in_memory.upper, "");
    EXPECT_EQ(in_memory.options, ",size=16777216");
    EXPECT_TRUE(in_memory.id_mapped);
    const Mount disk = with_overlay({"upper=/up"}).plan()->mounts[0];
    EXPECT_EQ(disk.upper, "/up");
    EXPECT_EQ(disk.work, "/up.work");
}

TEST(RootMounts, OverlayThatCannotBe)
{
    Case made = with_overlay({"upper=/up"});
    made.facts.sources[0].upper->parent->file_system = "nfs";
    EXPECT_NE(made.refusal().find("the upper '/up' of mount[0] is on nfs, which overlayfs cannot write to"), std::string::npos);
    made.facts.sources[0].upper->parent.reset();
    EXPECT_EQ(made.refusal(), "the folder of the upper '/up' of mount[0] does not exist");
    made = with_overlay({});
    made.facts.sources[0].layers[1].can_be_id_mapped = false;
    EXPECT_EQ(made.refusal(), "the layer '/b' of mount[0] is on ext4, which cannot be id-mapped");
    made.facts.sources[0] = {};
    made.spec.mounts[0].optional = true;
    EXPECT_TRUE(made.plan()->mounts.empty());
}

TEST(RootMounts, OptionsAndOwner)
{
    machine::MountSpec asked = bind("/a", "/x");
    asked.options = {"nosuid", "norec"};
    asked.read_only = true;
    asked.owner = machine::MountOwner::Host;
    Mount mount = with_mounts({asked}).plan()->mounts[0];
    EXPECT_TRUE(mount.nosuid && mount.read_only && !mount.recursive && !mount.id_mapped && !mount.nodev);
    asked.options = {"size=1G"};
    EXPECT_EQ(with_mounts({asked}).refusal(), "unknown option 'size=1G' of a mount of this type");
    Mount tmpfs = with_mounts({{.target = "/x", .type = machine::MountType::Tmpfs, .options = {"size=1G", "mode=1777"}}}).plan()->mounts[0];
    EXPECT_EQ(tmpfs.options, "mode=755,nr_inodes=400k,size=1G,mode=1777");
    EXPECT_NE(with_mounts({{.target = "/x", .type = machine::MountType::Tmpfs, .options = {"size=1G,uid=0"}}}).refusal(), "");
}

TEST(RootMounts, MissingSource)
{
    Case made = with_mounts({bind("/a", "/x")});
    made.facts.sources[0].exists = false;
    EXPECT_EQ(made.refusal(), "the source '/a' of mount[0] does not exist: make it, or set optional = true");
    made.spec.mounts[0].optional = true;
    EXPECT_EQ(made.refusal(), "");
    EXPECT_EQ(made.warnings, std::vector<std::string>{"the source '/a' of mount[0] does not exist: skipped"});
}

TEST(RootMounts, SourceThatCannotBeIdMapped)
{
    Case made = with_mounts({bind("/a", "/x")});
    made.facts.sources[0] = {.exists = true, .can_be_id_mapped = false, .file_system = "fuse"};
    EXPECT_EQ(made.refusal(), "the source '/a' of mount[0] is on fuse, which cannot be id-mapped: set its owner = \"host\"");
    made.spec.mounts[0].owner = machine::MountOwner::Host;
    EXPECT_EQ(made.refusal(), "");
}

TEST(RootMounts, TargetsThatAreHolms)
{
    for (const char* target : {"/", "/proc", "/proc/sys", "/sys/fs", "/dev", "/dev/console", "/dev/pts/0", "/run", "/run/host/os-release"})
        EXPECT_NE(with_mounts({bind("/a", target)}).refusal(), "") << target;
    for (const char* target : {"/dev/fuse", "/run/x", "/process", "/system"})
        EXPECT_EQ(with_mounts({bind("/a", target)}).refusal(), "") << target;
}

TEST(RootMounts, TheSameTargetTwice)
{
    EXPECT_EQ(with_mounts({bind("/a", "/x"), bind("/b", "/x")}).refusal(), "mount[1] has the target '/x' of mount[0]");
}

TEST(RootMounts, AnImageIsReadOnlyAndAVolumeIsABindByNow)
{
    EXPECT_EQ(with_mounts({{.source = "v", .target = "/x", .type = machine::MountType::Volume}}).refusal(),
              "the volume 'v' of mount[0] is not resolved");
    auto mounted = with_mounts({{.source = "/srv/x.raw", .target = "/x", .type = machine::MountType::Image}});
    ASSERT_EQ(mounted.refusal(), "");
    EXPECT_TRUE(mounted.plan()->mounts[0].read_only);
}

}  // namespace
}  // namespace holm::rootfs
