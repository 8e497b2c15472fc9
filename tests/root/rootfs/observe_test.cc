// The facts of real paths: what stands in the way of each is one sentence with its name.
#include "rootfs/observe.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "workbench.h"

namespace holm::rootfs {
namespace {

class Observe : public test::Workbench {
protected:
    void SetUp() override
    {
        Workbench::SetUp();
        if (IsSkipped()) return;
        spec.name = *machine::parse_name("web");
        input.state = at("state/web");
        input.search_path = "/usr/bin:/bin";
        input.looking_at = [this](std::string_view path) { looked.emplace_back(path); };
    }
    std::string refusal()
    {
        auto facts = observe(spec, input);
        return facts ? "" : facts.error().text;
    }
    Facts facts()
    {
        auto made = observe(spec, input);
        EXPECT_TRUE(made) << made.error().text;
        return made ? *made : Facts{};
    }

    machine::Spec spec;
    ObserveInput input;
    std::vector<std::string> looked;
};

TEST_F(Observe, RootsThatAreNone)
{
    file("file"), file("disk.raw"), link("dangling", "/nowhere");
    ASSERT_EQ(mkfifo(at("fifo").c_str(), 0600), 0);
    const std::pair<const char*, const char*> wrong[] = {
        {"missing", "root of machine 'web': '/mnt/missing' does not exist"},
        {"file", "root of machine 'web': '/mnt/file' is a file, not a folder"},
        {"file/below", "root of machine 'web': '/mnt/file/below' does not exist"},
        {"fifo", "root of machine 'web': '/mnt/fifo' is a FIFO, not a folder"},
        {"dangling", "root of machine 'web': '/mnt/dangling' is a link to something that does not exist"},
        {"disk.raw",
         "root of machine 'web': '/mnt/disk.raw' is a disk image, not a folder: 'holmctl import-raw' makes an image of the store of it"}};
    for (const auto& [path, sentence] : wrong) {
        spec.root.path = at(path);
        EXPECT_EQ(refusal(), sentence);
    }
    spec.root.path = "/proc/self/root";
    EXPECT_NE(refusal(), "");  // a magic link
}

TEST_F(Observe, WhichLowerIsMissing)
{
    folder("a"), folder("c");
    spec.root.lower = {at("a"), at("b"), at("c")};
    spec.origins["root.lower[1]"] = {"/etc/holm/machines/web.toml", 3, 20};
    EXPECT_EQ(refusal(), "layer 2 of machine 'web' (/etc/holm/machines/web.toml:3:20): '/mnt/b' does not exist");
    EXPECT_EQ(looked, (std::vector<std::string>{at("a"), at("b")}));
}

TEST_F(Observe, PathsWithWhatOverlayfsWouldMisread)
{
    spec.root.lower = {at("a:b"), at("c,d"), at("e\\f"), at("g h"), at("upperdir=x")};
    for (const std::string& path : spec.root.lower) folder(path.substr(5));
    ASSERT_EQ(facts().layers.size(), 5U);
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(facts().layers[i].path, spec.root.lower[i]);
}

TEST_F(Observe, FileSystems)
{
    folder("a"), folder("b"), folder("merged"), folder("c");
    std::string options = fmt::format("lowerdir={}:{}", at("a"), at("b"));
    ASSERT_EQ(mount("overlay", at("merged").c_str(), "overlay", 0, options.c_str()), 0);
    spec.root.lower = {at("merged"), at("c")};
    Facts made = facts();
    EXPECT_EQ(made.layers[0].file_system, "overlay");
    EXPECT_FALSE(made.layers[0].can_be_id_mapped);
    EXPECT_TRUE(made.layers[0].read_only);  // no upper
    EXPECT_EQ(made.layers[1].file_system, "tmpfs");
    EXPECT_FALSE(made.layers[1].read_only);
    EXPECT_EQ(made.layers[1].parents.size(), 1U);  // the top of the tmpfs and no further
    input.shifts_ids = false;
    EXPECT_TRUE(facts().layers[0].can_be_id_mapped);  // not tried
}

TEST_F(Observe, Upper)
{
    folder("a"), folder("srv");
    spec.root.path = at("a"), spec.root.upper = at("srv/upper");
    UpperFacts upper = *facts().upper;
    EXPECT_FALSE(upper.folder || upper.work);
    EXPECT_EQ(upper.parent->path, at("srv"));
    EXPECT_FALSE(upper.mounted);

    file("srv/upper/usr/bin/x", 0755), folder("srv/upper.work");
    upper = *facts().upper;
    EXPECT_TRUE(upper.folder && upper.work && !upper.empty);
    EXPECT_NE(upper.folder->id, *upper.work);

    ASSERT_EQ(mount("tmpfs", at("srv/upper").c_str(), "tmpfs", 0, nullptr), 0);
    EXPECT_TRUE(facts().upper->mounted);

    spec.root.upper = at("nowhere/upper");
    EXPECT_FALSE(facts().upper->parent);
    file("not-a-folder"), spec.root.upper = at("not-a-folder");
    EXPECT_EQ(refusal(), "upper of machine 'web': '/mnt/not-a-folder' is a file, not a folder");
}

TEST_F(Observe, HolmsOwnUpperNeedsNoParent)
{
    folder("a"), spec.root.lower = {at("a")};
    Facts made = facts();
    EXPECT_FALSE(made.upper->folder);
    EXPECT_EQ(made.upper->parent->path, top);
}

TEST_F(Observe, InitOverTheLayers)
{
    file("b/usr/lib/systemd/systemd", 0755), link("a/sbin/init", "../lib/systemd/systemd"), link("a/lib", "usr/lib");
    spec.root.lower = {at("a"), at("b")};
    Facts made = facts();
    EXPECT_EQ(made.init.asked, "/sbin/init");
    EXPECT_EQ(made.init.path, "/usr/lib/systemd/systemd");
    EXPECT_TRUE(made.init.executable);
    whiteout("state/web/upper/sbin");  // what an earlier life has removed
    EXPECT_EQ(facts().init.asked, "/usr/lib/systemd/systemd");
}

TEST_F(Observe, CommandAsExecvpeLooksItUp)
{
    file("a/usr/bin/x", 0644), file("a/bin/x", 0755), file("a/opt/tool", 0755), folder("a/usr/bin/y");
    spec.root.path = at("a");
    auto find = [&](const char* command) {
        spec.payload.command = {command};
        return facts().command;
    };
    EXPECT_EQ(find("x").asked, "/bin/x");
    EXPECT_TRUE(find("x").executable);
    EXPECT_EQ(find("/usr/bin/x").kind, Found::Kind::File);
    EXPECT_FALSE(find("/usr/bin/x").executable);
    EXPECT_EQ(find("y").kind, Found::Kind::Folder);
    EXPECT_EQ(find("nothing").kind, Found::Kind::Missing);
    EXPECT_EQ(find("/proc/self/exe").kind, Found::Kind::Covered);
    spec.payload.working_directory = "/opt";
    EXPECT_EQ(find("./tool").kind, Found::Kind::File);
    spec.mounts = {{.source = at("a"), .target = "/opt"}};
    EXPECT_EQ(find("./tool").kind, Found::Kind::Covered);
}

TEST_F(Observe, SourcesOfMounts)
{
    folder("a"), file("data");
    spec.root.path = at("a");
    spec.mounts = {{.source = at("data"), .target = "/x"},
                   {.source = at("none"), .target = "/y"},
                   {.target = "/z", .type = machine::MountType::Tmpfs}};
    Facts made = facts();
    ASSERT_EQ(made.sources.size(), 3U);
    EXPECT_TRUE(made.sources[0].exists);
    EXPECT_EQ(made.sources[0].file_system, "tmpfs");
    EXPECT_FALSE(made.sources[1].exists);
}

TEST_F(Observe, HolmsOwnFoldersThroughALayer)
{
    folder("root/var/lib/holm"), folder("other");
    input.own_folders = {at("root/var/lib/holm"), at("root/run/holm")};
    spec.root.path = at("root"), spec.root.mode = machine::RootMode::Ephemeral;
    EXPECT_EQ(facts().seen, std::vector<std::string>{"/var/lib/holm"});
    spec.root.path = at("root/var");
    EXPECT_EQ(facts().seen, std::vector<std::string>{"/lib/holm"});
    spec.root.path = at("other");
    EXPECT_TRUE(facts().seen.empty());
    ASSERT_EQ(mount(at("root").c_str(), at("other").c_str(), nullptr, MS_BIND, nullptr), 0);
    EXPECT_EQ(facts().seen, std::vector<std::string>{"/var/lib/holm"});  // the same root by another name
}

TEST_F(Observe, Zone)
{
    link("a/etc/localtime", "/usr/share/zoneinfo/Etc/UTC"), file("a/usr/share/zoneinfo/Europe/Berlin");
    spec.root.path = at("a"), input.zone = "Europe/Berlin";
    EXPECT_EQ(facts().localtime, "/usr/share/zoneinfo/Etc/UTC");
    EXPECT_TRUE(facts().has_zone);
    input.zone = "Asia/Tokyo";
    EXPECT_FALSE(facts().has_zone);
}

TEST_F(Observe, Images)
{
    folder("images/a"), folder("machines/a"), folder("machines/b"), file("machines/c.raw");
    std::vector<std::string> places = {at("images"), at("machines")};
    EXPECT_EQ(*find_image("a", places), at("images/a"));
    EXPECT_EQ(*find_image("b", places), at("machines/b"));
    EXPECT_EQ(*find_image("c", places), at("machines/c.raw"));
    EXPECT_EQ(find_image("d", places).error().text,
              "there is no image 'd' in /mnt/images, /mnt/machines: 'holmctl list-images' shows those that there are");
    link("machines/e.squashfs", "/nowhere");
    EXPECT_TRUE(check_no_image("d", places));
    EXPECT_TRUE(check_no_image("c.ra", places));
    EXPECT_EQ(check_no_image("e", places).error().code, Errc::Exists);
    EXPECT_EQ(check_no_image("c", places).error().text,
              "image 'c' exists already: '/mnt/machines/c.raw', which no other image replaces: take another name, or 'holmctl remove-image "
              "c' first");
}

}  // namespace
}  // namespace holm::rootfs
