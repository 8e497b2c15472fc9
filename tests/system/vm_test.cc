// What only a real kernel of an ordinary host shows: enforced limits, the oldest kernel we support, a reboot of the host, a
// host without machined. In the namespaces host most of these are skipped.
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class VmTest : public OnlyInVm<SystemTest> {
protected:
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

// Two boots of one disk, by `tests/run`: HOLM_PHASE says which half is run. A graph db → app → web of machines that are enabled: app waits
// for db to be ready, web for a mount, and all three stop in the reverse order when the host does.
class VmHostRebootTest : public testing::Test {
protected:
    static bool phase(std::string_view wanted)
    {
        const char* phase = getenv("HOLM_PHASE");
        return phase && phase == wanted;
    }
    static std::string root_of(const std::string& machine) { return "/srv/enabled-" + machine; }
    // A machine that writes when it comes up, and when it begins and ends to go: "started 12.34" by the host's clock of this boot.
    static void define(const std::string& machine, const std::string& before_ready, const std::string& payload, const std::string& more)
    {
        ASSERT_TRUE(succeeds(sh("cp -a \"$HOLM_BUSYBOX\" " + root_of(machine))));
        write_file(
            root_of(machine) + "/run-it",
            fmt::format("#!/bin/sh\nsay() {{ echo \"$1 $(cut -d' ' -f1 /proc/uptime)\" >>/log; }}\n"
                        "trap 'rm /ready; say stopping; sleep 1; say stopped; exit 0' TERM\nsay started\n{}\nsay ready\ntouch /ready\n"
                        "while :; do sleep 1000 & wait $!; done\n",
                        before_ready),
            0755);
        write_file(fmt::format("/etc/holm/machines/{}.toml", machine),
                   fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/run-it\"]\nstop_signal = \"SIGTERM\"\n{}\n{}",
                               root_of(machine), payload, more));
    }
    // What it has written, over all boots.
    static std::vector<std::pair<std::string, double>> log_of(const std::string& machine)
    {
        std::vector<std::pair<std::string, double>> log;
        const std::string text = content_of(root_of(machine) + "/log");
        for (std::string_view line : split(text, '\n'))
            if (const size_t space = line.find(' '); space != line.npos)
                log.emplace_back(line.substr(0, space), std::atof(std::string(line.substr(space + 1)).c_str()));
        return log;
    }
    // The time of the n-th such word, and 0 where there is none.
    static double time_of(const std::string& machine, std::string_view word, int number)
    {
        for (const auto& [said, when] : log_of(machine))
            if (said == word && --number == 0) return when;
        return 0;
    }
    static std::string limits_of(const std::string& machine)
    {
        const std::string cgroup = "/sys/fs/cgroup/machine.slice/" + service_of(machine);
        return sh(fmt::format("cd {} && cat memory.max memory.high pids.max cpu.max cpu.weight cpuset.cpus hugetlb.2MB.max | tr '\\n' ' '; "
                              "grep -o rbps=3000000 io.max",
                              cgroup))
            .out;
    }
    // Seconds since 1970 of a moment of this boot's begin.
    static double boot_time() { return static_cast<double>(time(nullptr)) - std::atof(content_of("/proc/uptime").c_str()); }
    static constexpr const char* shutdown_mark = "/srv/shutdown-begins";
    static constexpr double shutdown_timeout = 60, stop_timeout = 600;
    static constexpr const char* limits = "134217728 117440512 77 50000 100000 55 0-1 67108864 rbps=3000000\n";
};

TEST_F(VmHostRebootTest, BeforeItMachinesAreEnabled)
{
    if (!phase("before")) GTEST_SKIP() << "HOLM_PHASE is not 'before'";
    make_folder("/etc/holm/machines");
    make_folder("/srv/late");
    // A mount that comes late at a boot: nothing but web's definition asks for it. Not before local-fs.target, which slow.service
    // is behind: of such a cycle systemd drops one job or another.
    write_file("/etc/systemd/system/slow.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 3\n");
    write_file("/etc/systemd/system/srv-late.mount",
               "[Unit]\nDefaultDependencies=no\nConflicts=umount.target\nBefore=umount.target\nRequires=slow.service\nAfter=slow.service\n"
               "[Mount]\nWhat=/srv/late-source\nWhere=/srv/late\nType=none\nOptions=bind\n");
    make_folder("/srv/late-source");
    write_file("/srv/late-source/there", "late\n");
    define("db", "sleep 3", "ready = \"command:/bin/test -e /ready\"", "");
    define("app", "", "", "[unit]\nafter = [\"machine:db\"]\nrequires = [\"machine:db\"]\n");
    define("web", "cat /late/there >>/seen", "",
           "[[mount]]\nsource = \"/srv/late\"\ntarget = \"/late\"\n[unit]\nafter = [\"machine:app\"]\nrequires = [\"machine:app\"]\n");
    write_file("/etc/holm/machines/second.toml", "[root]\nlower = [\"" + guest() + "\"]\n[unit]\nafter = [\"machine:db\"]\n");
    // Two that take no notice of their stop, one of which waits for the other's: together they have what the host's shutdown has.
    write_file("/etc/holm/holm.toml", fmt::format("[daemon]\nshutdown_timeout = \"{}s\"\n", shutdown_timeout));
    ASSERT_TRUE(succeeds(sh("cp -a \"$HOLM_BUSYBOX\" " + root_of("stubborn"))));
    const std::string stubborn = fmt::format(
        "[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"trap '' TERM; while :; do sleep 1; done\"]\n"
        "stop_signal = \"SIGTERM\"\nstop_timeout = \"{}s\"\n",
        root_of("stubborn"), stop_timeout);
    write_file("/etc/holm/machines/stubborn.toml", stubborn);
    write_file("/etc/holm/machines/stubborn-2.toml", stubborn + "[unit]\nafter = [\"machine:stubborn\"]\n");
    ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"}, {}, 180s)));
    EXPECT_EQ(sh("systemctl show -P TimersMonotonic holm-shutdown.timer | cut -d';' -f1").out, "{ OnActiveUSec=1min \n");
    ASSERT_TRUE(succeeds(holmctl({"enable", "--now", "db", "app", "web", "second", "stubborn", "stubborn-2"}, {}, 180s)));
    for (const char* machine : {"db", "app", "web", "second"}) EXPECT_EQ(state_of(machine), "running") << machine;
    EXPECT_GE(time_of("app", "started", 1), time_of("db", "ready", 1)) << "app waits for db to be ready";
    ASSERT_TRUE(succeeds(holmctl({"set", "db", "MemoryMax=128M", "MemoryHigh=112M", "TasksMax=77", "CPUQuota=50%", "CPUWeight=55",
                                  "AllowedCPUs=0-1", "hugetlb.2MB.max=64M", "IOReadBandwidthMax=/srv 3M"},
                                 {}, 60s)));
    EXPECT_EQ(limits_of("db"), limits);
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=scoped", "--lower=" + guest()}, {}, 180s)));
    write_file(shutdown_mark, fmt::format("{}\n", time(nullptr)));
    run({"sync"});
}

TEST_F(VmHostRebootTest, AfterItTheyAreUp)
{
    if (!phase("after")) GTEST_SKIP() << "HOLM_PHASE is not 'after'";
    const double shutdown = boot_time() - std::atof(content_of(shutdown_mark).c_str());
    fmt::print("the shutdown took {:.0f} s\n", shutdown);
    EXPECT_GE(shutdown, shutdown_timeout) << "the stubborn ones had all of their time";
    EXPECT_LT(shutdown, shutdown_timeout + stop_timeout / 2) << "and no more";
    for (const char* machine : {"db", "app", "web", "second"})
        EXPECT_TRUE(wait_for_state(machine, "running", 180s)) << journal_of(service_of(machine));
    using Words = std::vector<std::string>;
    for (const char* machine : {"db", "app", "web"}) {
        EXPECT_TRUE(eventually([&] { return time_of(machine, "ready", 2) > 0; }, 60s)) << machine;
        Words words;
        for (const auto& [word, when] : log_of(machine)) words.push_back(word);
        EXPECT_EQ(words, (Words{"started", "ready", "stopping", "stopped", "started", "ready"}))
            << machine << ": stopped in order, started once";
    }
    // In order, each once the one before is ready, and back in reverse.
    EXPECT_GE(time_of("app", "started", 2), time_of("db", "ready", 2));
    EXPECT_GE(time_of("web", "started", 2), time_of("app", "started", 2));
    EXPECT_EQ(content_of(root_of("web") + "/seen"), "late\nlate\n") << "the mount was there each time";
    EXPECT_EQ(unit_state("srv-late.mount"), "active");
    EXPECT_LE(time_of("web", "stopped", 1), time_of("app", "stopping", 1));
    EXPECT_LE(time_of("app", "stopped", 1), time_of("db", "stopping", 1));
    auto since = [](const char* unit) { return parse_number(unit_property(unit, "ActiveEnterTimestampMonotonic")).value_or(0); };
    EXPECT_LT(since("holm@db.service"), since("holm@second.service"));
    EXPECT_EQ(limits_of("db"), limits) << "what was set and kept";
    EXPECT_EQ(state_of("scoped"), "stopped") << "a record is not started at boot, and is not lost";
    EXPECT_TRUE(succeeds(holmctl({"start", "scoped"}, {}, 180s)));
    EXPECT_EQ(state_of("scoped"), "running");
    // The boots to come are other tests'.
    for (const char* machine : {"web", "app", "second", "db", "scoped", "stubborn-2", "stubborn"}) {
        EXPECT_TRUE(succeeds(holmctl({"terminate", machine}, {}, 60s)));
        EXPECT_TRUE(succeeds(holmctl({"remove", machine}, {}, 60s)));
    }
    ::remove("/etc/holm/holm.toml");
}

}  // namespace holm::test
