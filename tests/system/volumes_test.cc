// Named volumes.
#include <nlohmann/json.hpp>

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

}  // namespace holm::test
