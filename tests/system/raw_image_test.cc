// import-raw: disk images of every kind become images that run; what is damaged, cut or no root is refused and leaves nothing.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "disk.h"
#include "host.h"

namespace holm::test {

namespace {

std::string listing(const std::string& folder)
{
    return sh("ls -A " + folder + " 2>/dev/null | grep -v '^.lock$' || true").out;
}

}  // namespace

class RawImageTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        if (!Fd(::open("/dev/loop-control", O_RDWR | O_CLOEXEC))) GTEST_SKIP() << "there are no loop devices here";
    }
    void TearDown() override
    {
        for (const std::string& image : images_) holmctl({"remove-image", image});
        SystemTest::TearDown();
    }
    std::string image()
    {
        images_.push_back(name("raw"));
        return images_.back();
    }
    // A root of which `word` tells.
    std::string root(const std::string& word)
    {
        const std::string made = busybox();
        EXPECT_TRUE(
            succeeds(sh(fmt::format("cd {} && echo {} >etc/word && ln bin/busybox second && mkdir -p home usr/share", made, word))));
        EXPECT_EQ(::setxattr((made + "/etc/word").c_str(), "user.note", "kept", 4, 0), 0);
        return made;
    }
    std::string file(const std::string& stem) { return folder() + "/" + stem; }
    std::string ext4(const std::string& from, const std::string& stem = "ext4.raw", const std::string& options = "")
    {
        EXPECT_TRUE(succeeds(sh(fmt::format("truncate -s 24M {0} && mkfs.ext4 -q -F {2} -d {1} {0}", file(stem), from, options))));
        return file(stem);
    }
    // Imports it, runs it and takes it away.
    void expect_word(const std::string& path, const std::string& word)
    {
        const std::string made = image();
        ASSERT_TRUE(succeeds(holmctl({"import-raw", path, made}))) << path;
        const Outcome seen = holmctl({"run", "--rm", "--image=" + made, "--", "/bin/cat", "/etc/word"});
        EXPECT_EQ(seen.out, word + "\n") << seen.err;
        const std::string tree = std::string(trim(sh("echo /var/lib/holm/layers/*/tree").out));
        EXPECT_EQ(trim(sh("stat -c %h " + tree + "/second").out), "2") << path;
        char note[8] = "";
        EXPECT_EQ(::getxattr((tree + "/etc/word").c_str(), "user.note", note, sizeof note), 4) << path;
        EXPECT_TRUE(succeeds(holmctl({"remove-image", made})));
        expect_nothing_left(path);
    }
    void expect_refused(const std::string& path, const std::string& noun)
    {
        EXPECT_TRUE(refuses(holmctl({"import-raw", path, image()}), 1, noun)) << path;
        expect_nothing_left(path);
    }
    void expect_nothing_left(const std::string& path)
    {
        EXPECT_EQ(listing("/var/lib/holm/layers"), "") << path;
        EXPECT_EQ(listing("/var/lib/holm/images/.manifests"), "") << path;
        // The kernel gives a device back a moment after its last user.
        EXPECT_TRUE(eventually([&] { return !has(sh("cat /sys/block/loop*/loop/backing_file 2>/dev/null").out, folder()); })) << path;
    }

    std::vector<std::string> images_;
};

TEST_F(RawImageTest, EveryFileSystemIsTaken)
{
    const std::string from = root("bare");
    ASSERT_TRUE(
        succeeds(sh(fmt::format("mksquashfs {0} {1}/squashfs.raw -quiet -no-progress && mkfs.erofs -Enoinline_data {1}/erofs.raw {0} "
                                ">/dev/null 2>&1 && truncate -s 128M {1}/btrfs.raw && mkfs.btrfs -q --rootdir {0} {1}/btrfs.raw && "
                                "truncate -s 300M {1}/xfs.raw && mkfs.xfs -q {1}/xfs.raw && mkdir {1}/stand && mount {1}/xfs.raw "
                                "{1}/stand && cp -a {0}/. {1}/stand && umount {1}/stand",
                                from, folder()))));
    expect_word(ext4(from), "bare");
    for (const char* kind : {"squashfs", "erofs", "btrfs", "xfs"}) expect_word(file(std::string(kind) + ".raw"), "bare");
}

TEST_F(RawImageTest, CompressedAndFromAPipe)
{
    const std::string path = ext4(root("packed"));
    for (const char* tool : {"gzip", "xz -1", "zstd -q", "bzip2"}) {
        ASSERT_TRUE(succeeds(sh(fmt::format("{} -c {} >{}", tool, path, file("packed")))));
        expect_word(file("packed"), "packed");
    }
    const std::string made = image();
    EXPECT_TRUE(succeeds(sh(fmt::format("cat {} | holmctl import-raw - {}", path, made))));
    EXPECT_TRUE(has(holmctl({"image-status", made}).out, "raw"));
    EXPECT_TRUE(refuses(holmctl({"import-raw", "-"}), 2, "NAME"));
}

TEST_F(RawImageTest, ThePartitionsOfARootAreOneTree)
{
#ifndef __x86_64__
    GTEST_SKIP() << "the types of partitions here are those of x86-64";
#endif
    const std::string home = folder() + "/home", usr = folder() + "/usr", disk = file("disk.raw");
    ASSERT_TRUE(
        succeeds(sh(fmt::format("mkdir -p {0}/alice {1}/share && echo hers >{0}/alice/note && echo later >{1}/share/word", home, usr))));
    const DiskPartition swap{.type = swap_type, .file = ext4(home, "swap.part")}, homes{.type = home_type, .file = ext4(home, "home.part")},
        older{.type = root_type, .file = ext4(root("older"), "older.part"), .label = "root_9"},
        newer{.type = root_type, .file = ext4(root("newer"), "newer.part", "-L '$(reboot)%s'"), .label = "root_10"},
        hidden{.type = root_type, .file = older.file, .label = "root_11", .flags = uint64_t{1} << 63},
        usrs{.type = usr_type, .file = ext4(usr, "usr.part")};
    write_disk(disk, {swap, homes, older, newer, hidden, usrs});
    const std::string made = image();
    ASSERT_TRUE(succeeds(holmctl({"import-raw", disk, made})));
    const std::string tree = std::string(trim(sh("echo /var/lib/holm/layers/*/tree").out));
    EXPECT_EQ(content_of(tree + "/etc/word"), "newer\n");
    EXPECT_EQ(content_of(tree + "/home/alice/note"), "hers\n");
    EXPECT_EQ(content_of(tree + "/usr/share/word"), "later\n");
    EXPECT_TRUE(succeeds(holmctl({"remove-image", made})));
    // The second copy of the table serves where the first is damaged; one partition for Linux needs no other type.
    write_disk(disk, {newer}, TableDamage::FirstHeader);
    expect_word(disk, "newer");
    write_disk(disk, {{.type = data_type, .file = older.file}, swap});
    expect_word(disk, "older");
}

TEST_F(RawImageTest, WhatIsNoRootIsRefused)
{
    const std::string part = ext4(root("x"), "x.part"), disk = file("disk.raw");
    write_disk(disk, {{.type = swap_type, .file = part}});
    expect_refused(disk, "none of its 1 partitions is a root");
    write_disk(disk, {{.type = root_type, .file = part}}, TableDamage::BothHeaders);
    expect_refused(disk, "GPT is damaged");
    write_disk(disk, {{.type = root_type, .file = part, .more_sectors = 1 << 20}});
    expect_refused(disk, "no partition that lies within the image");
    write_disk(disk, {{.type = root_type, .file = part}});
    ASSERT_TRUE(succeeds(sh(fmt::format("truncate -s 8M {}", disk))));
    expect_refused(disk, "damaged");
    ASSERT_TRUE(
        succeeds(sh(fmt::format("cd {} && truncate -s 1M empty.raw && : >nothing.raw && printf 'QFI\\373' >qcow.raw && "
                                "truncate -s 1M qcow.raw && truncate -s 4M swap.raw && mkswap -q swap.raw",
                                folder()))));
    expect_refused(file("empty.raw"), "no file system that is known");
    expect_refused(file("nothing.raw"), "too small");
    expect_refused(file("qcow.raw"), "qemu-img convert");
    expect_refused(file("swap.raw"), "'swap'");
    expect_refused(folder(), "neither a file nor a pipe");
}

TEST_F(RawImageTest, AFileSystemThatIsDamagedIsRefused)
{
    const std::string from = root("x"), whole = ext4(from);
    // The kernel looks at the size that each says, and at the first blocks.
    ASSERT_TRUE(succeeds(
        sh(fmt::format("cd {0} && mksquashfs {1} whole.squashfs -quiet -no-progress && head -c 6M {2} >cut.raw && head -c 64k "
                       "whole.squashfs >cut.squashfs && xz -1 -c {2} >whole.xz && head -c 100000 whole.xz >cut.xz && cp {2} torn.raw && dd "
                       "if=/dev/urandom of=torn.raw bs=1k seek=2 count=512 conv=notrunc status=none",
                       folder(), from, whole))));
    expect_refused(file("cut.raw"), "ext4");
    expect_refused(file("cut.squashfs"), "squashfs");
    expect_refused(file("cut.xz"), "damaged");
    expect_refused(file("torn.raw"), "ext4");
}

TEST_F(RawImageTest, WhatHangsOnItsInputIsCanceledAndKilled)
{
    for (bool killed : {false, true}) {
        Process import({"holmctl", "import-raw", "-", image()});
        EXPECT_TRUE(eventually([] { return !listing("/var/lib/holm/layers").empty(); }));
        if (killed) kill_holmd();
        else import.signal(SIGINT);
        EXPECT_TRUE(eventually([&] { return import.ended(); }));
        EXPECT_EQ(import.wait().code, 1);
        holmctl({"list-images"});
        EXPECT_TRUE(eventually([] { return listing("/var/lib/holm/layers").empty(); }));
    }
}

}  // namespace holm::test
