// Named volumes.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class VolumesTest : public SystemTest {
protected:
    using Json = nlohmann::json;
    void SetUp() override
    {
        make_folder("/var/lib/holm/volumes");  // stays, as the folders of machines and images do
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        for (const std::string& volume : volumes_) holmctl({"volume-remove", volume});
        SystemTest::TearDown();
    }
    std::string volume()
    {
        volumes_.push_back(name("volume"));
        EXPECT_TRUE(succeeds(holmctl({"volume-create", volumes_.back()})));
        return volumes_.back();
    }
    static Json listed(const std::string& volume)
    {
        for (const Json& one : Json::parse(holmctl({"--json=short", "list-volumes"}).out, nullptr, false))
            if (one["name"] == volume) return one;
        return nullptr;
    }

    std::vector<std::string> volumes_;
};

TEST_F(VolumesTest, OutliveTheirMachines)
{
    const std::string data = volume(), root = busybox();
    const std::string at = "--volume=" + data + ":/data";
    EXPECT_TRUE(
        exits(holmctl({"run", "--rm", "--network=none", "--root=" + root, at, "--", "/bin/sh", "-c", "echo kept > /data/file"}), 0));
    Outcome outcome = holmctl({"run", "--rm", "--network=none", "--root=" + root, at, "--", "/bin/cat", "/data/file"});
    EXPECT_EQ(outcome.out, "kept\n");
    EXPECT_EQ(content_of("/var/lib/holm/volumes/" + data + "/data/file"), "kept\n");
    EXPECT_NE(holmctl({"run", "--rm", "--network=none", "--root=" + root, at + ":ro", "--", "/bin/touch", "/data/x"}).code, 0);
    EXPECT_TRUE(refuses(holmctl({"volume-create", data}), 1, data));
    ASSERT_TRUE(succeeds(holmctl({"volume-remove", data})));
    EXPECT_FALSE(exists("/var/lib/holm/volumes/" + data));
    EXPECT_EQ(listed(data), nullptr);
}

TEST_F(VolumesTest, KnowWhoMountsThem)
{
    const std::string data = volume(), machine = name();
    define(machine,
           fmt::format("[root]\npath = \"{}\"\n[[mount]]\ntype = \"volume\"\nsource = \"{}\"\ntarget = \"/data\"\n", busybox(), data));
    EXPECT_EQ(listed(data)["machines"], machine);
    EXPECT_TRUE(refuses(holmctl({"volume-remove", data}), 1, machine));
    ASSERT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_TRUE(succeeds(holmctl({"volume-remove", data})));
}

TEST_F(VolumesTest, WhatIsNotThereIsNamed)
{
    EXPECT_TRUE(
        refuses(holmctl({"run", "--rm", "--network=none", "--root=" + busybox(), "--volume=no-such-volume:/data", "--", "/bin/true"}), 125,
                "no-such-volume"));
    EXPECT_TRUE(refuses(holmctl({"volume-remove", "no-such-volume"}), 1, "no-such-volume"));
    EXPECT_TRUE(refuses(holmctl({"volume-create", "../x"}), 1, "../x"));
    EXPECT_TRUE(refuses(holmctl({"run", "--volume=x", "--root=/", "--", "/bin/true"}), 125, "--volume=x"));
}

// On a file system with project quotas, which the host's own may not have.
TEST_F(VolumesTest, ASizeIsKeptOrRefused)
{
    const std::string disk = folder() + "/disk", store = "/var/lib/holm/volumes", data = name("volume");
    make_folder(store);
    ASSERT_EQ(sh(fmt::format("truncate -s 64M {0} && mkfs.ext4 -q -O quota,project -E quotatype=prjquota {0}", disk)).code, 0);
    Outcome plain = holmctl({"volume-create", "--size=8M", data});
    if (plain.code != 0) {
        EXPECT_TRUE(refuses(plain, 1, "project quotas"));
        EXPECT_FALSE(exists(store + "/" + data)) << "nothing is left";
    } else EXPECT_TRUE(succeeds(holmctl({"volume-remove", data})));
    if (sh(fmt::format("mount -o loop,prjquota {} {}", disk, store)).code != 0) GTEST_SKIP() << "no loop device or no quotas here";
    // holmd has its own mount namespace only where its unit says so: it sees the mount.
    volumes_.push_back(data);
    EXPECT_TRUE(succeeds(holmctl({"volume-create", "--size=8M", data})));
    EXPECT_EQ(listed(data)["size"], 8 << 20);
    EXPECT_TRUE(exits(holmctl({"run", "--rm", "--network=none", "--root=" + busybox(), "--volume=" + data + ":/data", "--", "/bin/dd",
                               "if=/dev/zero", "of=/data/file", "bs=1M", "count=4"}),
                      0));
    Outcome full = holmctl({"run", "--rm", "--network=none", "--root=" + busybox(), "--volume=" + data + ":/data", "--", "/bin/dd",
                            "if=/dev/zero", "of=/data/more", "bs=1M", "count=8"});
    EXPECT_NE(full.code, 0);
    EXPECT_TRUE(succeeds(holmctl({"volume-remove", data})));
    EXPECT_EQ(sh("umount " + store).code, 0);
}

// On btrfs: a subvolume with a quota group.
TEST_F(VolumesTest, ASizeIsKeptOnBtrfs)
{
    const std::string disk = folder() + "/disk", store = "/var/lib/holm/volumes", data = name("volume");
    make_folder(store);
    if (sh("which mkfs.btrfs btrfs").code != 0) GTEST_SKIP() << "no btrfs-progs here";
    ASSERT_EQ(sh(fmt::format("truncate -s 256M {0} && mkfs.btrfs -q {0} 2>/dev/null", disk)).code, 0);
    if (sh(fmt::format("mount -o loop {} {}", disk, store)).code != 0) GTEST_SKIP() << "no loop device or no btrfs here";
    EXPECT_TRUE(refuses(holmctl({"volume-create", "--size=8M", data}), 1, "btrfs quota enable"));
    EXPECT_EQ(sh("ls -A " + store).out, "") << "nothing is left";
    ASSERT_EQ(sh("btrfs quota enable " + store).code, 0);
    volumes_.push_back(data);
    ASSERT_TRUE(succeeds(holmctl({"volume-create", "--size=8M", data})));
    EXPECT_EQ(trim(sh(fmt::format("stat -c %a:%u {}/{}/data", store, data)).out), "755:0");
    const std::string root = busybox();
    auto write = [&](const std::string& file, const std::string& megabytes) {
        return holmctl({"run", "--rm", "--network=none", "--root=" + root, "--volume=" + data + ":/data", "--", "/bin/dd", "if=/dev/zero",
                        "of=/data/" + file, "bs=1M", "count=" + megabytes, "conv=fsync"});
    };
    EXPECT_TRUE(exits(write("first", "4"), 0));
    const Outcome full = write("second", "8");
    EXPECT_NE(full.code, 0);
    EXPECT_TRUE(has(full.err, "uota exceeded"));
    const std::string groups = fmt::format("btrfs qgroup show --raw {} | grep -c ^0/", store);
    EXPECT_EQ(trim(sh(groups).out), "2");
    EXPECT_TRUE(succeeds(holmctl({"volume-remove", data})));
    EXPECT_EQ(trim(sh(groups).out), "1");
    EXPECT_EQ(sh("umount " + store).code, 0);
}

// A file system with project quotas, which takes a loop device: the host in namespaces may have none.
class VmQuotaTest : public SystemTest, public testing::WithParamInterface<const char*> {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        const std::string disk = folder() + "/disk";
        at_ = folder() + "/mounted";
        make_folder(at_);
        ASSERT_TRUE(succeeds(sh(fmt::format("truncate -s 400M {0} && {1} {0}", disk, GetParam()))));
        mounted_ = sh(fmt::format("mount -o loop,prjquota {} {}", disk, at_)).code == 0;
        if (!mounted_) GTEST_SKIP() << "no loop device or no quotas here";
        busybox_ = busybox();
    }
    void TearDown() override
    {
        for (const std::string& machine : mine_) take_away(machine);
        if (mounted_) {
            EXPECT_TRUE(succeeds(sh("umount " + at_)));
        }
        SystemTest::TearDown();
    }
    std::string machine()
    {
        mine_.push_back(name());
        return mine_.back();
    }
    // Starts it anew, with its upper on that file system.
    void start(const std::string& machine, const std::string& size)
    {
        holmctl({"stop", machine});
        define(machine, fmt::format("[root]\nlower = [\"{}\"]\nupper = \"{}/{}\"\n{}[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                    "stop_signal = \"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n",
                                    busybox_, at_, machine, size));
        ASSERT_TRUE(succeeds(holmctl({"start", machine}, {}, 120s)));
    }
    static int write(const std::string& machine, const std::string& file, int megabytes)
    {
        return inside(machine, fmt::format("dd if=/dev/zero of={} bs=1M count={} && sync", file, megabytes)).code;
    }

    bool mounted_ = false;
    std::string at_, busybox_;
    std::vector<std::string> mine_;
};

INSTANTIATE_TEST_SUITE_P(FileSystems, VmQuotaTest, testing::Values("mkfs.ext4 -q -O quota,project -E quotatype=prjquota", "mkfs.xfs -q"),
                         [](const auto& of) { return std::string(of.param).substr(5, of.param[5] == 'e' ? 4 : 3); });

TEST_P(VmQuotaTest, AnUpperOnDiskIsCapped)
{
    const std::string web = machine();
    start(web, "size = \"8M\"\n");
    EXPECT_EQ(write(web, "/first", 4), 0);
    EXPECT_NE(write(web, "/second", 8), 0);
    start(web, "size = \"32M\"\n");
    EXPECT_EQ(write(web, "/second", 8), 0) << "the cap is what the definition says at a start";
    EXPECT_NE(write(web, "/third", 24), 0) << "and what was there counts";
    start(web, "");
    EXPECT_EQ(write(web, "/third", 24), 0) << "without one there is none";
}

TEST_P(VmQuotaTest, WhatAnUpperHasAlreadyCounts)
{
    const std::string web = machine();
    ASSERT_TRUE(succeeds(
        sh(fmt::format("mkdir -p {0}/{1}/deep/er && head -c 6M /dev/zero >{0}/{1}/deep/er/file && ln -s x {0}/{1}/link", at_, web))));
    start(web, "size = \"8M\"\n");
    EXPECT_NE(write(web, "/deep/er/more", 4), 0);
    EXPECT_EQ(write(web, "/deep/er/more", 1), 0);
}

// The folder of all machines' states as a btrfs.
class CapOnBtrfsTest : public SystemTest {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        if (sh("which mkfs.btrfs btrfs").code != 0) GTEST_SKIP() << "no btrfs-progs here";
        const std::string disk = folder() + "/disk";
        ASSERT_EQ(sh(fmt::format("truncate -s 512M {0} && mkfs.btrfs -q {0} 2>/dev/null", disk)).code, 0);
        mounted_ = sh(fmt::format("mount -o loop {} {}", disk, machines)).code == 0;
        if (!mounted_) GTEST_SKIP() << "no loop device or no btrfs here";
        busybox_ = busybox();
    }
    void TearDown() override
    {
        for (const std::string& machine : {web_, copy_}) take_away(machine);
        if (mounted_) {
            EXPECT_EQ(sh(std::string("ls -A ") + machines).out, "") << "nothing is left";
            EXPECT_TRUE(succeeds(sh(std::string("umount ") + machines)));
        }
        SystemTest::TearDown();
    }
    void define_web(const std::string& size)
    {
        define(web_, fmt::format("[root]\nlower = [\"{}\"]\n{}[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                 "stop_signal = \"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n",
                                 busybox_, size));
    }
    void start_anew(const std::string& size)
    {
        EXPECT_TRUE(succeeds(holmctl({"stop", web_})));
        define_web(size);
        ASSERT_TRUE(succeeds(holmctl({"start", web_}, {}, 120s)));
    }
    // As much of zeros as asked for, or what stood in the way.
    static std::string write(const std::string& machine, const std::string& file, int megabytes)
    {
        return std::string(trim(
            inside(machine, fmt::format("dd if=/dev/zero of={} bs=1M count={} conv=fsync 2>&1 | grep -o 'uota exceeded'", file, megabytes))
                .out));
    }
    static std::string groups() { return std::string(trim(sh(fmt::format("btrfs qgroup show --raw {} | grep -c ^0/", machines)).out)); }

    static constexpr const char* machines = "/var/lib/holm/machines";
    const std::string web_ = name("web"), copy_ = name("copy");
    bool mounted_ = false;
    std::string busybox_;
};

TEST_F(CapOnBtrfsTest, HoldsForAllThatTheMachineKeeps)
{
    define_web("size = \"16M\"\n");
    EXPECT_TRUE(refuses(holmctl({"start", web_}), 1, "btrfs quota enable"));
    EXPECT_EQ(sh(std::string("ls -A ") + machines).out, "") << "nothing is left";
    ASSERT_EQ(sh(std::string("btrfs quota enable ") + machines).code, 0);
    ASSERT_TRUE(succeeds(holmctl({"start", web_}, {}, 120s)));
    EXPECT_EQ(write(web_, "/first", 8), "");
    EXPECT_EQ(write(web_, "/second", 12), "uota exceeded");
    EXPECT_TRUE(succeeds(inside(web_, "rm /second && sync")));

    EXPECT_TRUE(succeeds(holmctl({"stop", web_})));
    EXPECT_TRUE(succeeds(holmctl({"snapshot", web_, "one"}))) << "a rename within the subvolume";
    EXPECT_TRUE(succeeds(holmctl({"clone", web_, copy_})));
    ASSERT_TRUE(succeeds(holmctl({"start", web_}, {}, 120s)));
    EXPECT_EQ(write(web_, "/second", 12), "uota exceeded") << "what the snapshot has sealed counts";
    ASSERT_TRUE(succeeds(holmctl({"start", copy_}, {}, 120s)));
    EXPECT_EQ(inside(copy_, "wc -c </first").out, "8388608\n");
    EXPECT_EQ(write(copy_, "/second", 4), "");
    EXPECT_EQ(write(copy_, "/third", 12), "uota exceeded") << "a copy has the cap for itself";
    EXPECT_EQ(groups(), "3");

    EXPECT_TRUE(succeeds(holmctl({"stop", web_})));
    EXPECT_TRUE(succeeds(holmctl({"rollback", web_, "one"})));
    start_anew("size = \"48M\"\n");
    EXPECT_EQ(inside(web_, "ls / | grep -c second").out, "0\n");
    EXPECT_EQ(write(web_, "/second", 12), "") << "the cap is what the definition says at a start";
    EXPECT_EQ(write(web_, "/third", 40), "uota exceeded");
    start_anew("");
    EXPECT_EQ(write(web_, "/third", 64), "") << "without one there is none";
    for (const std::string& machine : {web_, copy_}) {
        EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
        EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    }
    EXPECT_EQ(groups(), "1");
}

// What is full starts again; what has more than its cap is given more, or none, or is removed.
TEST_F(CapOnBtrfsTest, DoesNotLockAMachineUp)
{
    define_web("size = \"16M\"\n");
    ASSERT_EQ(sh(std::string("btrfs quota enable ") + machines).code, 0);
    ASSERT_TRUE(succeeds(holmctl({"start", web_}, {}, 120s)));
    EXPECT_EQ(write(web_, "/first", 32), "uota exceeded");
    start_anew("size = \"16M\"\n");
    EXPECT_EQ(inside(web_, "ls /first").out, "/first\n");
    start_anew("size = \"4M\"\n");
    EXPECT_EQ(write(web_, "/second", 1), "uota exceeded");
    start_anew("size = \"64M\"\n");
    EXPECT_EQ(write(web_, "/second", 8), "");
    start_anew("size = \"4M\"\n");
    EXPECT_TRUE(succeeds(holmctl({"stop", web_})));
    EXPECT_TRUE(succeeds(holmctl({"snapshot", web_, "one"})));
    EXPECT_TRUE(succeeds(holmctl({"rename", web_, copy_})));
    EXPECT_TRUE(succeeds(holmctl({"remove", copy_})));
    EXPECT_EQ(groups(), "1");
}

// One that had no cap before has its files where they were.
TEST_F(CapOnBtrfsTest, ComesToAMachineThatWasThere)
{
    define_web("");
    ASSERT_TRUE(succeeds(holmctl({"start", web_}, {}, 120s)));
    EXPECT_EQ(write(web_, "/first", 8), "");
    EXPECT_TRUE(succeeds(inside(web_, "ln /first /linked; rm /etc/passwd; mkdir -m 2750 /own; chown 7:8 /own; sync")));
    const std::string listed = inside(web_, "ls -lind /first /linked /own /etc/* | sed 's/^ *[0-9]* //'").out,
                      uuid = holmctl({"show", "-p", "Id", "--value", web_}).out;
    ASSERT_EQ(sh(std::string("btrfs quota enable ") + machines).code, 0);
    start_anew("size = \"16M\"\n");
    EXPECT_EQ(inside(web_, "ls -lind /first /linked /own /etc/* | sed 's/^ *[0-9]* //'").out, listed);
    EXPECT_EQ(holmctl({"show", "-p", "Id", "--value", web_}).out, uuid);
    EXPECT_EQ(write(web_, "/second", 12), "uota exceeded") << "what was there counts";
}

}  // namespace holm::test
