// The image store when the power goes: whole after each of a row of cuts, at moments that nobody chose. Several boots of one disk in the VM
// (tests/vm/system-suite): HOLM_PHASE is "load" until the power goes, and "after-cut" at the next boot.
#include <algorithm>
#include <random>

#include "base/text.h"
#include "host.h"
#include "store_litter.h"

namespace holm::test {

class VmStorePowerCutTest : public testing::Test {
protected:
    static constexpr const char *place = "/data/power-cut", *kept = "cut-kept", *worker = "cut-worker", *copy = "cut-copy";

    static bool phase(std::string_view wanted)
    {
        const char* phase = getenv("HOLM_PHASE");
        return phase && phase == wanted;
    }
    // A machine with a snapshot that no load touches, on an image that none touches; on the disk before the first cut.
    static void prepare()
    {
        if (exists(std::string(place) + "/ready")) return;
        ASSERT_TRUE(
            succeeds(sh(fmt::format("rm -rf {0} && mkdir -p {0}/root && cp -a \"$HOLM_BUSYBOX\"/. {0}/root && cd {0}/root && mkdir many && "
                                    "seq -f 'many/f%.0f' 200 | "
                                    "xargs touch && head -c 6M /dev/urandom >large && tar -C {0}/root -cf {0}/root.tar .",
                                    place))));
        holmctl({"remove", kept});
        ASSERT_TRUE(succeeds(holmctl({"import-fs", std::string(place) + "/root", "cut-base", "--force"}, {}, 120s)));
        ASSERT_TRUE(succeeds(holmctl({"run", fmt::format("--name={}", kept), "--image=cut-base", "--network=none", "--", "/bin/sh", "-c",
                                      "test -e /kept || echo kept >/kept"},
                                     {}, 120s)));
        ASSERT_TRUE(succeeds(holmctl({"snapshot", kept, "first"})));
        ASSERT_TRUE(succeeds(sh(fmt::format("sync; touch {}/ready; sync", place))));
    }
    static void work(unsigned number)
    {
        const std::string tar = std::string(place) + "/root.tar", tag = fmt::format("tag-{}", number / 16 % 3);
        switch (number % 10) {
        case 0: holmctl({"import-tar", tar, "cut-image", "--force"}); break;
        case 1: holmctl({"import-fs", std::string(place) + "/root/many", "cut-image", "--force"}); break;
        case 2: holmctl({"remove-image", "cut-image"}); break;
        case 3:
            holmctl(
                {"run", fmt::format("--name={}", worker), "--image=cut-base", "--network=none", "--", "/bin/sh", "-c", "echo run >>/runs"});
            sh(fmt::format("head -c 3M /dev/urandom >/var/lib/holm/machines/{}/upper/large", worker));
            break;
        case 4: holmctl({"snapshot", worker, tag}); break;
        case 5: holmctl({"commit", worker, "cut-made", "--force"}); break;
        case 6: holmctl({"clone", worker, copy}), holmctl({"remove", copy}); break;
        case 7: holmctl({"rollback", worker, tag}); break;
        case 8: holmctl({"snapshots", "--remove=" + tag, worker}); break;
        default: holmctl({"remove", worker}); break;
        }
    }
};

TEST_F(VmStorePowerCutTest, TheLoad)
{
    if (!phase("load")) GTEST_SKIP() << "HOLM_PHASE is not 'load'";
    prepare();
    write_file("/run/load-of-stores", "begun\n");
    std::random_device draw;
    const auto end = std::chrono::steady_clock::now() + 5min;
    while (std::chrono::steady_clock::now() < end) work(draw());
    FAIL() << "the power did not go";
}

TEST_F(VmStorePowerCutTest, WholeAfterIt)
{
    if (!phase("after-cut")) GTEST_SKIP() << "HOLM_PHASE is not 'after-cut'";
    ASSERT_TRUE(eventually([] { return holmctl({"list-images"}).code == 0; }, 60s));
    EXPECT_TRUE(eventually([] { return store_litter().empty(); }, 60s)) << store_litter();
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"}, {}, 120s)));
    // A sealed layer that its machine lets go of is what prune is for.
    const std::string unused = holmctl({"prune", "--dry-run", "--no-legend"}).out;
    for (std::string_view line : split(unused, '\n')) EXPECT_TRUE(line.empty() || line.contains(" r-")) << unused;
    // No machine that has a folder is lost, and each starts.
    const std::string machines = sh("ls /var/lib/holm/machines").out, known = holmctl({"list", "--all"}).out;
    for (std::string_view machine : split(machines, '\n')) {
        if (machine.empty() || machine.starts_with("cut-machine-")) continue;  // those of machine_power_cut_test run on
        EXPECT_TRUE(has(known, machine));
        EXPECT_TRUE(succeeds(holmctl({"start", std::string(machine)}, {}, 120s)));
        EXPECT_TRUE(wait_for_state(std::string(machine), "stopped", 60s));
    }
    if (!exists(std::string(place) + "/ready")) return;
    EXPECT_EQ(content_of(fmt::format("/var/lib/holm/machines/{}/upper/kept", kept)) +
                  sh(fmt::format("cat /var/lib/holm/machines/{}/layers/*/kept", kept)).out,
              "kept\n");
    EXPECT_TRUE(has(holmctl({"snapshots", kept}).out, "first"));
    EXPECT_TRUE(has(holmctl({"list-images"}).out, "cut-base"));
}

}  // namespace holm::test
