// What only a real kernel of an ordinary host shows: enforced limits, the oldest kernel we support, a reboot of the host, a
// host without machined. In the namespaces host most of these are skipped.
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class VmTest : public SystemTest {
protected:
    void SetUp() override
    {
        if (bench() != Bench::Vm) GTEST_SKIP() << "its truth needs the VM";
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        if (!IsSkipped()) SystemTest::TearDown();
    }
    void expect_debian(std::vector<std::string> options)
    {
        std::string machine = name("deb");
        std::vector<std::string> arguments = {"run", "--detach", "--boot", "--name=" + machine};
        arguments.insert(arguments.end(), options.begin(), options.end());
        ASSERT_TRUE(succeeds(holmctl(arguments, {}, 180s)));
        ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=180s"}, {}, 200s)));
        EXPECT_EQ(trim(holmctl({"exec", machine, "--", "systemctl", "is-system-running", "--wait"}, {}, 180s).out), "running");
        EXPECT_EQ(holmctl({"exec", machine, "--", "systemctl", "list-units", "--failed", "--no-legend", "--plain"}).out, "");
        EXPECT_TRUE(succeeds(holmctl({"stop", machine}, {}, 120s)));
    }
    std::string start(const std::string& command, const std::string& more)
    {
        std::string machine = name();
        define(machine,
               fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n{}", busybox(), command, more));
        EXPECT_TRUE(succeeds(holmctl({"start", machine})));
        return machine;
    }
};

TEST_F(VmTest, BootsADirectory)
{
    expect_debian({"--root=" + debian()});
}

TEST_F(VmTest, BootsAnOverlayInMemoryAndOnDisk)
{
    expect_debian({"--lower=" + guest(), "--ephemeral"});
    expect_debian({"--lower=" + guest(), "--upper=" + folder() + "/upper"});
    EXPECT_EQ(sh("find " + folder() + "/upper -xdev -uid +65535 -print -quit").out, "");
}

TEST_F(VmTest, BootsTheHostsOwnRoot)
{
    std::string machine = name("self");
    write_file("/etc/holm/secrets/canary", "secret", 0600);
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--boot", "--ephemeral", "--name=" + machine, "--root=/"}, {}, 180s)));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=180s"}, {}, 200s)));
    // The guest may make folders of these names of its own; what is in the host's is not to be seen.
    for (const std::string& hidden :
         {"/run/holm/machines/" + machine, "/var/lib/holm/machines/" + machine, std::string("/etc/holm/secrets/canary")}) {
        EXPECT_TRUE(exists(hidden)) << hidden;
        EXPECT_NE(holmctl({"exec", machine, "--", "test", "-e", hidden}).code, 0) << hidden;
    }
    run({"rm", "/etc/holm/secrets/canary"});
    EXPECT_TRUE(succeeds(holmctl({"stop", machine}, {}, 120s)));
}

TEST_F(VmTest, ExecAndForegroundRun)
{
    EXPECT_TRUE(exits(foreground({"/bin/sh", "-c", "exit 42"}), 42));
    std::string machine = background();
    EXPECT_EQ(holmctl({"exec", machine, "--", "/bin/echo", "hello"}).out, "hello\n");
    kill_holmd();
    EXPECT_EQ(holmctl({"exec", machine, "--", "/bin/echo", "again"}).out, "again\n");
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
}

TEST_F(VmTest, AMemoryLimitKillsAndIsSaid)
{
    std::string machine = start("exec tail /dev/zero", "[resources]\nMemoryMax = \"64M\"\nMemorySwapMax = 0\n");
    EXPECT_TRUE(wait_for_state(machine, "failed", 60s)) << state_of(machine);
    std::string why = machine_property(machine, "LastFailure");
    EXPECT_TRUE(why.find("OOM") != std::string::npos || why.find("memory") != std::string::npos) << why;
}

TEST_F(VmTest, AGuestsOwnOomKillDoesNotEndIt)
{
    std::string machine =
        start("trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done", "[resources]\nMemoryMax = \"64M\"\nMemorySwapMax = 0\n");
    EXPECT_NE(holmctl({"exec", machine, "--", "/bin/tail", "/dev/zero"}).code, 0);
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
}

TEST_F(VmTest, ATaskLimitHolds)
{
    std::string machine = start("trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done", "[resources]\nTasksMax = 50\n");
    Outcome bomb = holmctl(
        {"exec", machine, "--", "/bin/sh", "-c", "i=0; while [ $i -lt 200 ]; do sleep 1000 </dev/null >/dev/null 2>&1 & i=$((i+1)); done"});
    EXPECT_NE(bomb.code, 0);
    EXPECT_LE(parse_number(unit_property(service_of(machine), "TasksCurrent")).value_or(999), 50U);
    EXPECT_EQ(unit_property(service_of(machine), "TasksMax"), "50");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(VmTest, ADeviceThatIsNotListedCannotBeOpened)
{
    std::string machine = background("exec sleep 1000", {"--capability=CAP_MKNOD", "--users=host"});
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/sh", "-c", "echo x >/dev/null"})));
    EXPECT_NE(holmctl({"exec", machine, "--", "/bin/sh", "-c", "mknod /dev/disk b 254 0 && head -c 1 /dev/disk"}).code, 0);
}

// tmpfs can be id-mapped from 6.3 on: below that, the sentence says so and what to do instead.
TEST_F(VmTest, ALayerThatThisKernelCannotIdMap)
{
    if (sh("test $(uname -r | cut -d. -f1) -gt 6 || test $(uname -r | cut -d. -f1,2 | tr -d .) -ge 63").code == 0)
        GTEST_SKIP() << "this kernel can";
    std::string at = folder() + "/tmpfs";
    make_folder(at);
    ASSERT_TRUE(succeeds(sh("mount -t tmpfs tmpfs " + at + " && cp -a \"$HOLM_BUSYBOX\"/. " + at)));
    Outcome outcome = holmctl({"run", "--name=refused", "--lower=" + at, "--ephemeral", "--", "/bin/true"});
    EXPECT_TRUE(refuses(outcome, 125, at));
    EXPECT_TRUE(has(outcome.err, "tmpfs"));
    run({"umount", "-l", at});
}

// With `vm run --no-machined`.
TEST_F(VmTest, WithoutMachinedInstalled)
{
    if (exists("/usr/lib/systemd/systemd-machined")) GTEST_SKIP() << "machined is installed";
    expect_debian({"--lower=" + guest(), "--ephemeral"});
    EXPECT_TRUE(exits(foreground({"/bin/sh", "-c", "exit 5"}), 5));
    std::string machine = boot();
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Boots") == "u 2" && state_of(machine) == "running"; }, 120s));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine}, {}, 120s)));
}

// Two boots of one disk, by `tests/run`: HOLM_PHASE says which half is run.
class VmHostRebootTest : public testing::Test {
protected:
    static bool phase(std::string_view wanted)
    {
        const char* phase = getenv("HOLM_PHASE");
        return phase && phase == wanted;
    }
    static constexpr const char* root = "/srv/enabled-root";
};

TEST_F(VmHostRebootTest, BeforeItMachinesAreEnabled)
{
    if (!phase("before")) GTEST_SKIP() << "HOLM_PHASE is not 'before'";
    ASSERT_TRUE(succeeds(sh(std::string("cp -a \"$HOLM_BUSYBOX\" ") + root)));
    make_folder("/etc/holm/machines");
    const std::string payload =
        "[payload]\nstop_signal = \"SIGTERM\"\ncommand = [\"/bin/sh\", \"-c\", \"echo started >>/log; trap 'echo orderly >>/log; exit 0' "
        "TERM; while :; do sleep 1000 & wait $!; done\"]\n";
    write_file("/etc/holm/machines/first.toml", std::string("[root]\npath = \"") + root + "\"\n" + payload);
    write_file("/etc/holm/machines/second.toml", "[root]\nlower = [\"" + guest() + "\"]\n[unit]\nafter = [\"machine:first\"]\n");
    ASSERT_TRUE(succeeds(holmctl({"enable", "--now", "first", "second"}, {}, 180s)));
    EXPECT_EQ(state_of("first"), "running");
    EXPECT_EQ(state_of("second"), "running");
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=scoped", "--lower=" + guest()}, {}, 180s)));
    run({"sync"});
}

TEST_F(VmHostRebootTest, AfterItTheyAreUp)
{
    if (!phase("after")) GTEST_SKIP() << "HOLM_PHASE is not 'after'";
    EXPECT_TRUE(wait_for_state("first", "running", 120s)) << journal_of("holm@first.service");
    EXPECT_TRUE(wait_for_state("second", "running", 180s)) << journal_of("holm@second.service");
    EXPECT_EQ(content_of(std::string(root) + "/log"), "started\norderly\nstarted\n") << "the host's shutdown stops machines in order";
    auto since = [](const char* unit) { return parse_number(unit_property(unit, "ActiveEnterTimestampMonotonic")).value_or(0); };
    EXPECT_LT(since("holm@first.service"), since("holm@second.service"));
    EXPECT_EQ(state_of("scoped"), "stopped") << "a record is not started at boot, and is not lost";
    EXPECT_TRUE(succeeds(holmctl({"start", "scoped"}, {}, 180s)));
    EXPECT_EQ(state_of("scoped"), "running");
}

}  // namespace holm::test
