// Images that are plain folders, as machinectl has them too: their copies and their removal, also of those that are cut off.
#include "base/text.h"
#include "host.h"

namespace holm::test {

class PlainImageTest : public SystemTest {
protected:
    static constexpr const char *place = "/var/lib/holm/images", *machinectl_place = "/var/lib/machines";
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers /var/lib/machines && touch /var/lib/holm/layers/.lock && "
           "chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        for (const std::string& image : images_) sh(fmt::format("rm -rf {0}/{1} {2}/{1}", place, image, machinectl_place));
        EXPECT_TRUE(eventually([] { return hidden().empty(); })) << hidden();
        SystemTest::TearDown();
    }
    std::string image()
    {
        images_.push_back(name("plain"));
        return images_.back();
    }
    // A root with so many files more that its copy and its removal take a while.
    std::string large(int files)
    {
        std::string made = image();
        EXPECT_TRUE(
            succeeds(sh(fmt::format("cp -a {0} {1}/{2} && mkdir {1}/{2}/many && cd {1}/{2}/many && seq -f 'f%.0f' {3} | xargs touch",
                                    busybox(), place, made, files))));
        return made;
    }
    // A root in machinectl's place.
    std::string small()
    {
        std::string made = image();
        EXPECT_TRUE(succeeds(sh(fmt::format("cp -a {} {}/{}", busybox(), machinectl_place, made))));
        return made;
    }
    // Nothing takes it away or calls it otherwise, and all of them say why.
    static void expect_kept(const std::string& image, const std::string& why)
    {
        EXPECT_TRUE(refuses(holmctl({"remove-image", image}), 1, why));
        EXPECT_TRUE(refuses(holmctl({"remove", image}), 1, why));
        EXPECT_TRUE(refuses(holmctl({"rename", image, image + "-new"}), 1, why));
        EXPECT_TRUE(exists(fmt::format("{}/{}/bin/busybox", machinectl_place, image))) << why;
    }
    // Work in progress, and what is left of it.
    static std::string hidden() { return sh(fmt::format("ls -A {} | grep '^[.]' | grep -v '^.manifests$' || true", place)).out; }

    std::vector<std::string> images_;
};

TEST_F(PlainImageTest, OfTwoCopiesOfOneNameOneIsMade)
{
    const std::string from = large(4000), copy = image();
    Process first({"holmctl", "clone-image", from, copy}), second({"holmctl", "clone-image", from, copy});
    const Outcome one = first.wait(), other = second.wait();
    EXPECT_EQ(one.code + other.code, 1) << one.err << other.err;
    EXPECT_TRUE(has(one.err + other.err, copy));
    EXPECT_EQ(sh(fmt::format("diff -r --no-dereference {0}/{1} {0}/{2}", place, from, copy)).out, "");
    EXPECT_EQ(hidden(), "");
}

TEST_F(PlainImageTest, WhatIsCutOffLeavesNothing)
{
    const std::string from = large(count(60000, 12000));
    write_file(fmt::format("{}/.mine.half-0123", place), "");  // of somebody else
    for (const char* verb : {"clone-image", "remove-image"}) {
        const std::string copy = image();
        const bool clones = verb == std::string("clone-image");
        Process work(clones ? std::vector<std::string>{"holmctl", verb, from, copy} : std::vector<std::string>{"holmctl", verb, from});
        EXPECT_TRUE(eventually([] { return hidden() != ".mine.half-0123\n"; }));
        kill_holmd();
        work.wait();
        EXPECT_TRUE(succeeds(holmctl({"list-images"})));
        EXPECT_TRUE(eventually([] { return hidden() == ".mine.half-0123\n"; }, 60s)) << hidden();
        // Whole, or not there.
        EXPECT_TRUE(!exists(fmt::format("{}/{}", place, copy)) ||
                    succeeds(sh(fmt::format("diff -r --no-dereference {0}/{1} {0}/{2}", place, from, copy))));
    }
    EXPECT_FALSE(exists(fmt::format("{}/{}", place, from)));
    sh(fmt::format("rm {}/.mine.half-0123", place));
}

// A subvolume of btrfs is copied as one: by a snapshot.
TEST_F(PlainImageTest, ASubvolumeIsCopiedAsASnapshot)
{
    const std::string disk = folder() + "/disk", at = folder() + "/btrfs", copy = image(), from = image();
    if (sh("which mkfs.btrfs btrfs").code != 0) GTEST_SKIP() << "no btrfs-progs here";
    make_folder(at);
    ASSERT_EQ(sh(fmt::format("truncate -s 256M {0} && mkfs.btrfs -q {0} 2>/dev/null", disk)).code, 0);
    if (sh(fmt::format("mount -o loop {} {}", disk, at)).code != 0) GTEST_SKIP() << "no loop device or no btrfs here";
    ASSERT_TRUE(
        succeeds(sh(fmt::format("btrfs subvolume create {0}/{1} && cp -a {2}/. {0}/{1} && mkdir {0}/.manifests && mount --bind {0} {3}", at,
                                from, busybox(), place))));
    EXPECT_TRUE(succeeds(holmctl({"clone-image", from, copy})));
    EXPECT_TRUE(succeeds(sh(fmt::format("btrfs subvolume show {}/{}", at, copy))));
    EXPECT_TRUE(has(sh(fmt::format("btrfs subvolume show {}/{}", at, from)).out, copy)) << "it is told as a snapshot of it";
    EXPECT_TRUE(succeeds(sh(fmt::format("diff -r --no-dereference {0}/{1} {0}/{2}", at, from, copy))));
    EXPECT_TRUE(refuses(holmctl({"clone-image", from, copy}), 1, copy));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", copy})));
    EXPECT_EQ(trim(sh(fmt::format("btrfs subvolume list {} | wc -l", at)).out), "1");
    EXPECT_TRUE(succeeds(sh(fmt::format("umount {} && umount {}", place, at))));
}

// Whoever comes first, what runs has its files.
TEST_F(PlainImageTest, ARemovalAndAStartDoNotMeet)
{
    for (int i = 0; i < count(20, 6); ++i) {
        const std::string from = large(3000), machine = name();
        Process removal({"holmctl", "remove-image", from});
        sleep_for(milliseconds(i * 15 % 90));
        Outcome run = holmctl({"run", "--name=" + machine, "--network=none", "--image=" + from, "--", "/bin/sh", "-c",
                               "sleep 0.3; ls /many | wc -l; ls -d /bin/busybox"});
        const Outcome removed = removal.wait();
        if (run.code == 0) EXPECT_EQ(run.out, "3000\n/bin/busybox\n") << removed.err;
        else EXPECT_TRUE(run.code == 125 && removed.code == 0) << run.code << run.err << removed.err;
        EXPECT_TRUE(removed.code == 0 || has(removed.err, machine));
        take_away(machine);
        sh(fmt::format("rm -rf {}/{}", place, from));
    }
}

TEST_F(PlainImageTest, WhatADefinitionNamesStays)
{
    const std::string made = small(), moved = image(), machine = name(), path = fmt::format("{}/{}", machinectl_place, made);
    const std::string root = fmt::format("[root]\npath = \"{}\"\n", busybox());
    const std::string definitions[] = {
        fmt::format("[root]\nimage = \"{}\"\n", made),
        fmt::format("[root]\nlower = [\"{}\"]\n", path),
        fmt::format("[root]\npath = \"{}\"\n", path),
        root + fmt::format("[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/data\"\n", made),
        root + fmt::format("[[mount]]\nsource = \"{}/etc\"\ntarget = \"/data\"\n", path),
    };
    for (const std::string& definition : definitions) {
        define(machine, definition);
        expect_kept(made, fmt::format("the definition of machine '{}' names it", machine));
    }
    define(machine, root);
    EXPECT_TRUE(succeeds(holmctl({"rename", made, moved})));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", moved})));
    EXPECT_FALSE(exists(fmt::format("{}/{}", machinectl_place, moved)));
}

TEST_F(PlainImageTest, WhatAMachineLiesOnStays)
{
    const std::string made = small(), machine = name();
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--network=none", "--image=" + made, "--", "/bin/sh", "-c",
                                  "cat /kept && touch /again; echo kept >/kept; exec sleep 1000"})));
    const std::string upper = "/var/lib/holm/machines/" + machine + "/upper";
    EXPECT_TRUE(eventually([&] { return exists(upper + "/kept"); }));
    expect_kept(made, fmt::format("machine '{}' runs on it", machine));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    expect_kept(made, fmt::format("the record of machine '{}' names it", machine));
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return exists(upper + "/again"); }));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", made})));
    EXPECT_FALSE(exists(fmt::format("{}/{}", machinectl_place, made)));
}

// Whatever its definition says by now.
TEST_F(PlainImageTest, WhatARunningMachineMountsStays)
{
    const std::string made = small(), machine = name();
    const std::string definition = fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox());
    define(machine, definition + fmt::format("[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/data\"\n", made));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(inside(machine, "test -e /data/bin/busybox")));
    define(machine, definition);
    expect_kept(made, fmt::format("machine '{}' runs on it", machine));
    EXPECT_TRUE(succeeds(inside(machine, "test -e /data/bin/busybox")));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", made})));
}

}  // namespace holm::test
