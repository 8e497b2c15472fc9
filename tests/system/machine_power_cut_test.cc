// Machines when the power goes, at moments that nobody chose, while some are created, started, changed, stopped and removed: the next boot
// has no ghost, reads all that it finds, and can start and remove it. Several boots of one disk in the VM (tests/vm/system-suite):
// HOLM_PHASE is "load" until the power goes, and "after-cut" at the next boot.
#include <random>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class VmMachinePowerCutTest : public testing::Test {
protected:
    static bool phase(std::string_view wanted)
    {
        const char* phase = getenv("HOLM_PHASE");
        return phase && phase == wanted;
    }
    static std::string machine_of(unsigned number) { return fmt::format("cut-machine-{}", number % 2); }
    static std::string definition_of(const std::string& machine) { return "/etc/holm/machines/" + machine + ".toml"; }
    static std::string lines(const std::string& script) { return sh(script + " 2>/dev/null || true").out; }
    static void work(unsigned number)
    {
        const std::string machine = machine_of(number), value = std::to_string(number / 64 % 100 + 20);
        switch (number / 2 % 8) {
        case 0:
        case 1:
            holmctl({"create", machine, std::string("--lower=") + getenv("HOLM_BUSYBOX"), "--", "/bin/sh", "-c",
                     "while :; do echo x >>/grows; sleep 1; done"});
            break;
        case 2:
        case 3: holmctl({"start", machine}); break;
        case 4: holmctl({"set", machine, "TasksMax=" + value, "CPUWeight=" + value}); break;
        case 5: holmctl({"stop", machine}); break;
        case 6: holmctl({"terminate", machine}); break;
        default: holmctl({"remove", machine}); break;
        }
    }
};

TEST_F(VmMachinePowerCutTest, TheLoad)
{
    if (!phase("load")) GTEST_SKIP() << "HOLM_PHASE is not 'load'";
    write_file("/run/load-of-machines", "begun\n");
    std::random_device draw;
    const auto end = std::chrono::steady_clock::now() + 5min;
    while (std::chrono::steady_clock::now() < end) work(draw());
    FAIL() << "the power did not go";
}

TEST_F(VmMachinePowerCutTest, NoGhostAndNothingLost)
{
    if (!phase("after-cut")) GTEST_SKIP() << "HOLM_PHASE is not 'after-cut'";
    ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 60s));
    // Nothing runs that nobody has started.
    EXPECT_EQ(lines("holmctl --no-legend list"), "");
    EXPECT_EQ(lines("ls -d /sys/fs/cgroup/machine.slice/holm*"), "");
    EXPECT_EQ(lines("ip -br link | grep -E '^(ve-|hm)'"), "");
    EXPECT_EQ(lines("ls /run/holm/machines"), "");
    // What is there can be read; nothing is half written.
    EXPECT_FALSE(exists("/run/holm/quarantine"));
    EXPECT_EQ(lines("systemctl list-units --failed --no-legend --plain 'holm*'"), "");
    EXPECT_EQ(lines("find /etc/holm /var/lib/holm/machines -xdev -maxdepth 3 -name '*.toml' -empty"), "");
    EXPECT_TRUE(succeeds(holmctl({"verify"})));
    EXPECT_TRUE(succeeds(holmctl({"fsck"})));
    EXPECT_EQ(sh("dmesg | grep -i 'EXT4-fs error'").out, "");
    // Each is there as a whole or not at all, and works; the second goes on with what it has.
    for (unsigned i = 0; i < 2; ++i) {
        const std::string machine = machine_of(i), state = "/var/lib/holm/machines/" + machine;
        if (exists(definition_of(machine))) {
            EXPECT_TRUE(succeeds(holmctl({"cat", "--effective", machine})));
            EXPECT_TRUE(succeeds(holmctl({"start", machine}, {}, 120s)));
            EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
            EXPECT_TRUE(succeeds(holmctl({"terminate", machine}, {}, 120s)));
            if (i == 1) continue;
        }
        if (exists(definition_of(machine)) || exists(state)) {
            EXPECT_TRUE(succeeds(holmctl({"remove", machine}, {}, 120s)));
        }
        EXPECT_FALSE(exists(definition_of(machine)) || exists(definition_of(machine) + ".d/90-set.toml") || exists(state)) << machine;
    }
}

}  // namespace holm::test
