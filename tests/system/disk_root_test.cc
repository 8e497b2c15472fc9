// Roots and mounts that are files with a file system in them: run as they are, over layers, written in place, mounted read-only.
#include <fcntl.h>

#include "base/fd.h"
#include "base/text.h"
#include "disk.h"
#include "host.h"

namespace holm::test {

class DiskRootTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        sh("mkdir -p -m 700 /var/lib/machines");
        SystemTest::SetUp();
        if (!Fd(::open("/dev/loop-control", O_RDWR | O_CLOEXEC))) GTEST_SKIP() << "there are no loop devices here";
    }
    void TearDown() override
    {
        for (const std::string& path : placed_) sh("rm -rf " + path);
        // The kernel gives a device back a moment after its last user.
        EXPECT_TRUE(eventually([&] { return !has(sh("cat /sys/block/loop*/loop/backing_file 2>/dev/null").out, folder()); }, 60s));
        SystemTest::TearDown();
    }
    std::string file(const std::string& stem) { return folder() + "/" + stem; }
    std::string root(const std::string& word)
    {
        std::string made = busybox();
        EXPECT_TRUE(succeeds(sh(fmt::format("echo {} >{}/etc/word", word, made))));
        return made;
    }
    std::string ext4(const std::string& from, const std::string& stem = "ext4.raw")
    {
        EXPECT_TRUE(succeeds(sh(fmt::format("truncate -s 24M {0} && mkfs.ext4 -q -F -d {1} {0}", file(stem), from))));
        return file(stem);
    }
    std::string squashfs(const std::string& from, const std::string& stem = "root.squashfs")
    {
        EXPECT_TRUE(succeeds(sh(fmt::format("mksquashfs {} {} -quiet -no-progress", from, file(stem)))));
        return file(stem);
    }
    std::string erofs(const std::string& from, const std::string& stem = "root.erofs")
    {
        EXPECT_TRUE(succeeds(sh(fmt::format("mkfs.erofs -Enoinline_data {} {} >/dev/null 2>&1", file(stem), from))));
        return file(stem);
    }
    static Outcome run(std::vector<std::string> options, const std::string& script)
    {
        options.insert(options.begin(), {"run", "--rm"});
        options.insert(options.end(), {"--", "/bin/sh", "-c", script});
        return holmctl(options);
    }

    std::vector<std::string> placed_;  // images where machines find them
};

TEST_F(DiskRootTest, AFileIsARoot)
{
    const std::string from = root("here");
    for (const std::string& path : {ext4(from), squashfs(from), erofs(from)}) {
        const Outcome seen = run({"--root=" + path, "--ephemeral"}, "cat /etc/word; echo gone >/etc/word; stat -c %u /bin/busybox");
        EXPECT_EQ(seen.out, "here\n0\n") << path << seen.err;
    }
}

TEST_F(DiskRootTest, IsWrittenInPlaceWhereItsFileSystemCanBe)
{
    const std::string disk = ext4(root("old")), packed = squashfs(root("packed"));
    EXPECT_EQ(run({"--root=" + disk}, "echo new >/etc/word").code, 0);
    EXPECT_EQ(run({"--root=" + disk}, "cat /etc/word").out, "new\n");
    // While one writes to it, no other can.
    const std::string machine = name();
    ASSERT_TRUE(succeeds(holmctl({"run", "--name=" + machine, "--detach", "--root=" + disk, "--", "/bin/sleep", "1000"})));
    EXPECT_TRUE(refuses(run({"--root=" + disk}, "true"), 125, machine));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    const Outcome refused = run({"--root=" + packed}, "echo new >/etc/word");
    EXPECT_NE(refused.code, 0);
    EXPECT_TRUE(has(refused.err, "Read-only file system"));
    EXPECT_EQ(run({"--root=" + packed}, "cat /etc/word").out, "packed\n");
}

TEST_F(DiskRootTest, ThePartitionOfARootIsTaken)
{
#ifndef __x86_64__
    GTEST_SKIP() << "the types of partitions here are those of x86-64";
#endif
    const std::string part = ext4(root("part"), "part"), disk = file("disk.raw");
    write_disk(disk, {{.type = swap_type, .file = ext4(root("swap"), "swap")}, {.type = root_type, .file = part}});
    EXPECT_EQ(run({"--root=" + disk}, "cat /etc/word; echo written >/etc/word").out, "part\n");
    EXPECT_EQ(run({"--root=" + disk, "--read-only"}, "cat /etc/word").out, "written\n");
    write_disk(disk, {{.type = root_type, .file = part}, {.type = usr_type, .file = part}});
    EXPECT_TRUE(refuses(run({"--root=" + disk}, "true"), 125, "import-raw"));
}

TEST_F(DiskRootTest, FilesAndFoldersAreLayersOfOneRoot)
{
    const std::string top = file("top");
    make_folder(top + "/etc");
    write_file(top + "/etc/top", "top\n");
    const std::string machine = name();
    define(machine, fmt::format("[root]\nlower = [\"{}\", \"{}\"]\nupper = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", "
                                "\"cat /etc/top /etc/word; echo x >>/etc/word; exec sleep 1000\"]\n",
                                erofs(top, "top.erofs"), squashfs(root("base")), file("upper")));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return content_of(file("upper") + "/etc/word") == "base\nx\n"; }, 30s));
    EXPECT_EQ(inside(machine, "cat /etc/top /etc/word").out, "top\nbase\nx\n");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(refuses(holmctl({"commit", machine, "packed"}), 1, "which is no folder"));
    EXPECT_TRUE(refuses(holmctl({"export-tar", machine, file("out.tar")}), 1, "which is no folder"));
}

// machinectl's images are ours too.
TEST_F(DiskRootTest, AnImageByItsNameBoots)
{
    const std::string machine = name("raw");
    placed_ = {"/var/lib/machines/" + machine + ".raw"};
    ASSERT_TRUE(succeeds(sh("mv " + ext4(root("plain")) + " " + placed_[0])));
    EXPECT_EQ(run({"--image=" + machine}, "cat /etc/word").out, "plain\n");
    EXPECT_TRUE(has(holmctl({"list-images"}).out, machine));
}

TEST_F(DiskRootTest, AFileIsMountedReadOnly)
{
    const std::string data = file("data"), machine = name(), disk = file("data.img");
    make_folder(data);
    write_file(data + "/note", "of the image\n");
    ASSERT_TRUE(succeeds(sh(fmt::format("truncate -s 8M {0} && mkfs.ext4 -q -F -d {1} {0}", disk, data))));
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                "[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/data\"\n"
                                "[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/packed\"\n"
                                "[[mount]]\ntype = \"image\"\nsource = \"/nowhere.raw\"\ntarget = \"/none\"\noptional = true\n",
                                root("x"), disk, squashfs(data, "data.squashfs")));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(inside(machine, "cat /data/note /packed/note").out, "of the image\nof the image\n");
    EXPECT_TRUE(has(inside(machine, "echo y >/data/note").err, "Read-only file system"));
    EXPECT_NE(inside(machine, "mount -o remount,rw /data && echo y >/data/note").code, 0);
    EXPECT_NE(inside(machine, "umount /data").code, 0);
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "runs as its definition says"));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(DiskRootTest, WhatIsNoFileSystemIsRefused)
{
    const std::string none = file("none.raw"), text = file("text"), cut = squashfs(root("cut"));
    ASSERT_TRUE(succeeds(sh(fmt::format("truncate -s 1M {}; echo text >{}; truncate -s 4096 {}", none, text, cut))));
    EXPECT_TRUE(refuses(run({"--root=" + none}, "true"), 125, "no file system"));
    EXPECT_TRUE(refuses(run({"--root=" + text}, "true"), 125, "not a folder"));
    EXPECT_TRUE(refuses(run({"--root=" + cut}, "true"), 125, cut));
    const std::string machine = name();
    define(machine,
           fmt::format("[root]\npath = \"{}\"\n[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/data\"\n", root("x"), text));
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "mount[0]"));
    sh("systemctl reset-failed " + service_of(machine));
}

// An image of the store as it is, of one layer and of two.
class ImageMountTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
    }
};

TEST_F(ImageMountTest, AStoredImageIsMounted)
{
    const std::string image = name("image"), second = name("second"), machine = name(), root = busybox(), other = busybox();
    write_file(root + "/etc/word", "stored\n");
    ASSERT_TRUE(succeeds(holmctl({"import-fs", root, image})));
    ASSERT_TRUE(succeeds(holmctl({"run", "--name=" + second, "--image=" + image, "--", "/bin/sh", "-c", "echo more >/etc/more"})));
    ASSERT_TRUE(succeeds(holmctl({"commit", second, second})));
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                "[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/one\"\n"
                                "[[mount]]\ntype = \"image\"\nsource = \"{}\"\ntarget = \"/two\"\n",
                                other, image, second));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(inside(machine, "cat /one/etc/word /two/etc/word /two/etc/more").out, "stored\nstored\nmore\n");
    EXPECT_TRUE(has(inside(machine, "echo y >/one/etc/word").err, "Read-only file system"));
    EXPECT_TRUE(has(inside(machine, "echo y >/two/etc/word").err, "Read-only file system"));
    EXPECT_TRUE(refuses(holmctl({"remove-image", second}), 1, machine));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", second})));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", second})));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", image})));
}

}  // namespace holm::test
