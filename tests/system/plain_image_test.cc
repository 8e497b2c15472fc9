// Images that are plain folders, as machinectl has them too: their copies and their removal, also of those that are cut off.
#include "base/text.h"
#include "host.h"

namespace holm::test {

class PlainImageTest : public SystemTest {
protected:
    static constexpr const char* place = "/var/lib/holm/images";
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        for (const std::string& image : images_) sh(fmt::format("rm -rf {}/{}", place, image));
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

}  // namespace holm::test
