// The image store when it is cut off and when the disk is full: whole afterwards, with the image or without it, and nothing else.
#include <algorithm>
#include <chrono>
#include <random>

#include "archive.h"
#include "base/text.h"
#include "host.h"
#include "store_litter.h"

namespace holm::test {

class StoreFaultsTest : public SystemTest {
protected:
    static constexpr const char* layers = "/var/lib/holm/layers";
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        root_ = busybox();
        ASSERT_TRUE(
            succeeds(sh(fmt::format("mkdir {0}/many && cd {0}/many && seq -f 'f%.0f' 500 | xargs touch && head -c 20M /dev/urandom "
                                    ">{0}/large && tar -C {0} -cf {1}/root.tar .",
                                    root_, folder()))));
        tar_ = folder() + "/root.tar";
    }
    void TearDown() override
    {
        holmctl({"remove-image", "faults"});
        SystemTest::TearDown();
    }
    static std::string left() { return sh(fmt::format("ls -A {} | grep -v '^.lock$' || true", layers)).out; }
    // Sealed layers of a machine that its history does not name.
    static std::string unused_layers_of(const std::string& machine)
    {
        return sh(fmt::format("cd /var/lib/holm/machines/{}/layers && for id in *; do test $id = history.toml || grep -q $id history.toml "
                              "|| echo $id; done",
                              machine))
            .out;
    }
    // With the image or without it, and nothing besides.
    static void expect_whole(const std::string& when)
    {
        ASSERT_TRUE(eventually([] { return holmctl({"list-images"}).code == 0; })) << when;
        // What was cut off goes when holmd has started, or is told.
        auto whole = [] {
            return store_litter().empty() && std::ranges::count(left(), '\n') == (exists("/var/lib/holm/images/faults.toml") ? 1 : 0);
        };
        EXPECT_TRUE(eventually(whole, 60s)) << when << left();
        EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"}))) << when;
    }

    std::string root_, tar_;
};

TEST_F(StoreFaultsTest, AnImportThatIsKilledAtAnyMomentLeavesItWhole)
{
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(succeeds(holmctl({"import-tar", tar_, "faults"})));
    const auto whole = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "faults"})));
    const int moments = count(40, 8);
    for (int i = 0; i < moments; ++i) {
        Process import({"holmctl", "import-tar", tar_, "faults"});
        sleep_for(whole * (i + 1) / moments);
        if (i % 2) kill_holmd();
        else sh("pkill -KILL -x holm-store");
        import.wait();
        expect_whole(fmt::format("moment {} of {}", i, moments));
        if (exists("/var/lib/holm/images/faults.toml")) {
            EXPECT_TRUE(succeeds(holmctl({"remove-image", "faults"})));
        }
    }
    ASSERT_TRUE(succeeds(holmctl({"import-tar", tar_, "faults"})));
    expect_whole("at last");
}

// Import, commit, snapshot, rollback and removal by turns, each cut off at a moment of its own: holmd with all its children, or a child.
TEST_F(StoreFaultsTest, NoMachineIsLostWhateverIsKilled)
{
    const std::string machine = name("kept"), made = "/var/lib/holm/machines/" + machine;
    ASSERT_TRUE(succeeds(holmctl({"import-fs", root_, "faults"})));
    ASSERT_TRUE(succeeds(holmctl({"run", "--name=" + machine, "--image=faults", "--network=none", "--", "/bin/sh", "-c",
                                  "test -e /kept || echo kept >/kept; echo run >>/runs"})));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "first"})));
    const std::vector<std::vector<std::string>> works = {{"import-tar", tar_, "faults-tar", "--force"},
                                                         {"commit", machine, "faults-made", "--force"},
                                                         {"snapshot", machine, "tag"},
                                                         {"rollback", machine, "first"},
                                                         {"snapshots", "--remove=tag", machine},
                                                         {"remove-image", "faults-tar"},
                                                         {"remove-image", "faults-made"}};
    std::mt19937 draw(std::random_device{}());
    const int moments = count(40, 7);
    for (int i = 0; i < moments; ++i) {
        const auto& work = works[static_cast<size_t>(i) % works.size()];
        const auto moment = milliseconds(draw() % (work[0] == "import-tar" ? 400 : 60));
        const std::string when = fmt::format("moment {}: {} after {} ms", i, work[0], moment.count());
        Process process([&] {
            std::vector<std::string> command = {"holmctl"};
            command.insert(command.end(), work.begin(), work.end());
            return command;
        }());
        sleep_for(moment);
        if (draw() % 2) sh("pkill -KILL -x holm-store");
        else kill_holmd();
        process.wait();
        ASSERT_TRUE(eventually([] { return holmctl({"list-images"}).code == 0; }, 60s)) << when;
        EXPECT_TRUE(eventually([] { return store_litter().empty(); }, 60s)) << when << "\n" << store_litter();
        EXPECT_TRUE(eventually([&] { return unused_layers_of(machine).empty(); }, 60s)) << when << "\n" << unused_layers_of(machine);
        EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"}))) << when;
        // A sealed layer that its machine lets go of is what prune is for.
        const std::string unused = holmctl({"prune", "--dry-run", "--no-legend"}).out;
        for (std::string_view line : split(unused, '\n')) EXPECT_TRUE(line.empty() || line.contains(" r-")) << when << "\n" << unused;
        EXPECT_TRUE(has(holmctl({"snapshots", machine}).out, "first")) << when;
        ASSERT_TRUE(eventually([&] { return holmctl({"start", machine}).code == 0; }, 60s)) << when << holmctl({"start", machine}).err;
        EXPECT_TRUE(wait_for_state(machine, "stopped", 60s)) << when;
        EXPECT_EQ(sh(fmt::format("cat {0}/upper/kept {0}/layers/*/kept 2>/dev/null", made)).out, "kept\n") << when;
    }
    take_away(machine);
    for (const char* image : {"faults-tar", "faults-made"}) holmctl({"remove-image", image});
    EXPECT_TRUE(succeeds(holmctl({"prune"})));  // of layers that were committed and then rolled back
}

// holmd goes on: what is left is not left until it starts the next time.
TEST_F(StoreFaultsTest, ACommitThatIsKilledLeavesNothing)
{
    const std::string machine = name("killed");
    ASSERT_TRUE(succeeds(holmctl({"import-fs", root_, "faults"})));
    ASSERT_TRUE(
        succeeds(holmctl({"run", "--name=" + machine, "--image=faults", "--network=none", "--", "/bin/sh", "-c", "echo run >>/runs"})));
    const int holmd = holmd_pid(), moments = count(40, 8);
    int killed = 0;
    for (int i = 0; i < moments; ++i) {
        Process commit({"holmctl", "commit", machine, "faults-made", "--force"});
        ASSERT_TRUE(eventually([&] { return commit.ended() || sh("pgrep -x holm-store").code == 0; })) << "no store works";
        sleep_for(milliseconds(i * 20 / moments));
        sh("pkill -KILL -x holm-store");
        if (commit.wait().code != 0) ++killed;
        const std::string when = fmt::format("moment {} of {}", i, moments);
        EXPECT_TRUE(eventually([] { return store_litter().empty(); }, 60s)) << when << "\n" << store_litter();
        EXPECT_EQ(holmctl({"prune", "--dry-run", "--no-legend"}).out, "") << when;
        EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"}))) << when;
        ASSERT_TRUE(eventually([&] { return holmctl({"start", machine}).code == 0; }, 60s)) << when << holmctl({"start", machine}).err;
        EXPECT_TRUE(wait_for_state(machine, "stopped", 60s)) << when;
    }
    RecordProperty("killed", killed);  // the others were done before
    EXPECT_EQ(holmd_pid(), holmd);
    EXPECT_TRUE(succeeds(holmctl({"commit", machine, "faults-made", "--force"})));
    take_away(machine);
    EXPECT_TRUE(succeeds(holmctl({"remove-image", "faults-made"})));
}

// What its predecessor had is removed when the answer has been given.
TEST_F(StoreFaultsTest, WhatAnImageHadThatWasReplacedGoesThoughItsRemovalIsKilled)
{
    for (int i = 0; i < count(20, 4); ++i) {
        sh(fmt::format("echo {} >{}/word && tar -C {} -cf {} .", i, root_, root_, tar_));
        ASSERT_TRUE(succeeds(holmctl({"import-tar", tar_, "faults", "--force"})));
        sh("pkill -KILL -x holm-store");
        expect_whole(fmt::format("image {}", i));
    }
}

TEST_F(StoreFaultsTest, ADiskThatIsFullIsSaid)
{
    // A tar is refused while there is room for holmd itself; a folder is copied until there is none.
    for (const char* size : {"256k", "512k", "1m", "2m", "4m", "8m", "16m", "20m", "21m", "120m"}) {
        ASSERT_TRUE(succeeds(sh(fmt::format("mount -t tmpfs -o mode=700,size={} tmpfs {}", size, layers))));
        for (const auto& [verb, source] : {std::pair{"import-tar", tar_}, std::pair{"import-fs", root_}}) {
            const Outcome outcome = holmctl({verb, source, "faults"});
            const bool fits = size == std::string("120m");
            EXPECT_TRUE(fits ? succeeds(outcome) : refuses(outcome, 1, "faults")) << verb << " " << size;
            expect_whole(fmt::format("{} with {}", verb, size));
            if (outcome.code == 0) {
                EXPECT_TRUE(succeeds(holmctl({"remove-image", "faults"})));
            }
        }
        EXPECT_TRUE(eventually([&] { return sh(fmt::format("umount {}", layers)).code == 0; }, 20s));
    }
}

TEST_F(StoreFaultsTest, AnImageOfTooManyLayersIsRefused)
{
    Layout layout;
    layout.layers.resize(static_cast<size_t>(count(10'000, 300)), {.tar = tar_of({{.name = "x", .content = "x"}})});
    write_layout(folder() + "/many", layout);
    EXPECT_TRUE(refuses(holmctl({"import-oci", folder() + "/many", "faults"}), 1, "layers"));
    expect_whole("refused");
}

}  // namespace holm::test
