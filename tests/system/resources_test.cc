// [resources] and `set`: what systemd is told of a unit, live and at the next start, and where it is kept.
#include "base/text.h"
#include "host.h"

namespace holm::test {

class ResourcesTest : public SystemTest {
protected:
    std::string defined(const std::string& more = "")
    {
        std::string machine = name();
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n{}", busybox(), more));
        return machine;
    }
    static std::string kept_of(const std::string& machine) { return "/etc/holm/machines/" + machine + ".toml.d/90-set.toml"; }
    static Outcome set(const std::string& machine, std::vector<std::string> words)
    {
        words.insert(words.begin(), {"set", machine});
        return holmctl(words);
    }
};

TEST_F(ResourcesTest, ALiveChangeIsKept)
{
    std::string machine = defined("[resources]\nMemoryMax = \"512M\"\n"), unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const int leader = leader_of(machine);
    ASSERT_TRUE(succeeds(set(machine, {"MemoryMax=256M", "TasksMax=77"})));
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "268435456");
    EXPECT_EQ(unit_property(unit, "TasksMax"), "77");
    EXPECT_EQ(leader_of(machine), leader);
    EXPECT_TRUE(has(content_of(kept_of(machine)), "MemoryMax = \"256M\""));
    EXPECT_TRUE(has(holmctl({"cat", "--effective", machine}).out, "TasksMax = \"77\""));
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "268435456");
    // A percentage in the place of a size, and the other way round, also for a systemd that reads all of it again.
    ASSERT_TRUE(succeeds(set(machine, {"MemoryMax=50%"})));
    const std::string half = unit_property(unit, "MemoryMax");
    EXPECT_NE(half, "268435456");
    ASSERT_TRUE(succeeds(set(machine, {"MemoryMax=128M"})));
    ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "134217728");
    // Without a value: what the definition says, and the default where it says nothing.
    ASSERT_TRUE(succeeds(set(machine, {"MemoryMax=", "TasksMax="})));
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "536870912");
    EXPECT_EQ(unit_property(unit, "TasksMax"), "4096");
    EXPECT_FALSE(exists(kept_of(machine)));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

// Each property that systemd is told is a drop-in of the unit: it is told what it has otherwise.
TEST_F(ResourcesTest, AStartLeavesNoDropInThatSaysNothing)
{
    std::string machine = defined("[resources]\nMemoryMax = \"512M\"\n"), plain = defined();
    auto files = [](const std::string& of) { return sh(fmt::format("ls /run/systemd/system.control/{}.d || true", service_of(of))).out; };
    ASSERT_TRUE(succeeds(holmctl({"start", machine, plain})));
    EXPECT_EQ(files(machine), "50-MemoryMax.conf\n");
    EXPECT_EQ(files(plain), "");
    EXPECT_EQ(unit_property(service_of(plain), "DevicePolicy"), "closed");
    EXPECT_EQ(unit_property(service_of(plain), "TasksMax"), "4096");
    // What an earlier start has told is told again, and taken back where nobody wants it any more.
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(files(machine), "50-MemoryMax.conf\n");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n[resources]\nCPUQuota = "
                                "\"50%\"\n",
                                busybox()));
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "infinity");
    EXPECT_EQ(unit_property(service_of(machine), "CPUQuotaPerSecUSec"), "500ms");
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(files(machine), "50-CPUQuota.conf\n50-MemoryMax.conf\n");
    ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "infinity");
    EXPECT_EQ(unit_property(service_of(machine), "CPUQuotaPerSecUSec"), "500ms");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine, plain})));
}

// The plan is held against what systemd has, not against what it was told once.
TEST_F(ResourcesTest, WhatIsTakenFromTheUnitIsSeen)
{
    std::string machine = defined("[resources]\nMemoryMax = \"512M\"\n"), unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "runs as its definition says"));
    ASSERT_TRUE(succeeds(run({"systemctl", "revert", unit})));
    ASSERT_EQ(unit_property(unit, "MemoryMax"), "infinity");
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "resources.MemoryMax  infinity -> 536870912"));
    ASSERT_TRUE(succeeds(run({"systemctl", "set-property", "--runtime", unit, "TasksMax=9"})));
    ASSERT_TRUE(succeeds(holmctl({"apply", machine})));
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "536870912");
    EXPECT_EQ(unit_property(unit, "TasksMax"), "4096");
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "runs as its definition says"));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));

    std::string scope = background();
    EXPECT_TRUE(has(holmctl({"plan", scope}).out, "runs as its definition says"));
    ASSERT_TRUE(succeeds(run({"systemctl", "set-property", "--runtime", scope_of(scope), "MemoryMax=64M"})));
    EXPECT_TRUE(has(holmctl({"plan", scope}).out, "resources.MemoryMax  67108864 -> (none)"));
    ASSERT_TRUE(succeeds(holmctl({"apply", scope})));
    EXPECT_EQ(unit_property(scope_of(scope), "MemoryMax"), "infinity");
}

// What is edited below what was set has no effect, and is said to have none.
TEST_F(ResourcesTest, AnEditUnderWhatWasSetIsSaid)
{
    std::string machine = defined();
    const std::string file = "/etc/holm/machines/" + machine + ".toml", said = fmt::format("1G ({}:6) ", file),
                      holds = fmt::format("256M ({}:4)", kept_of(machine));
    ASSERT_TRUE(succeeds(set(machine, {"MemoryMax=256M"})));
    define(machine, content_of(file) + "[resources]\nMemoryMax = \"1G\"\n");
    Outcome stopped = holmctl({"plan", machine});
    EXPECT_TRUE(has(stopped.out, said));
    EXPECT_TRUE(has(stopped.out, holds));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    for (const char* verb : {"plan", "apply"}) {
        Outcome outcome = holmctl({verb, machine});
        EXPECT_TRUE(has(outcome.out, "overridden"));
        EXPECT_TRUE(has(outcome.out, said));
        EXPECT_TRUE(has(outcome.out, holds));
    }
    EXPECT_TRUE(has(holmctl({"plan", "--json=short", machine}).out, R"("when":"overridden","key":"resources.MemoryMax")"));
    ASSERT_TRUE(succeeds(set(machine, {"MemoryMax="})));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "runs as its definition says"));
    EXPECT_EQ(unit_property(service_of(machine), "MemoryMax"), "1073741824");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ResourcesTest, RuntimeLastsUntilTheNextStart)
{
    std::string machine = defined(), unit = service_of(machine);
    EXPECT_TRUE(refuses(holmctl({"set", "--runtime", machine, "TasksMax=50"}), 1, "does not run"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(succeeds(holmctl({"set", "--runtime", machine, "TasksMax=50"})));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "50");
    EXPECT_FALSE(exists(kept_of(machine)));
    kill_holmd();
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(unit_property(unit, "TasksMax"), "50");
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "4096");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ResourcesTest, WhatDoesNotRunIsChangedForItsNextStart)
{
    std::string machine = defined();
    ASSERT_TRUE(succeeds(set(machine, {"CPUWeight=33"})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(unit_property(service_of(machine), "CPUWeight"), "33");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ResourcesTest, ARecordKeepsIt)
{
    std::string machine = background(), unit = scope_of(machine);
    ASSERT_TRUE(succeeds(set(machine, {"TasksMax=60", "IOWeight=20"})));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "60");
    EXPECT_TRUE(has(holmctl({"cat", machine}).out, "TasksMax = \"60\""));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "60");
    EXPECT_EQ(unit_property(unit, "IOWeight"), "20");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ResourcesTest, WhatIsNoPropertyIsRefusedAndNothingChanges)
{
    std::string machine = defined(), unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(refuses(set(machine, {"TasksMax=5", "MemoryMaxx=1G"}), 1, "did you mean 'MemoryMax'"));
    EXPECT_TRUE(refuses(set(machine, {"MemoryMax=1Q"}), 1, "MemoryMax"));
    EXPECT_TRUE(refuses(set(machine, {"Slice=x.slice"}), 1, "unit.slice"));
    EXPECT_TRUE(refuses(set(machine, {"Delegate=no"}), 1, "Delegate"));
    EXPECT_TRUE(refuses(set(machine, {"TasksMax"}), 2, "PROPERTY=VALUE"));
    EXPECT_TRUE(refuses(set("no-such-machine", {"TasksMax=5"}), 1, "no-such-machine"));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "4096");
    EXPECT_FALSE(exists(kept_of(machine)));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

// The same words as for `systemctl set-property`, which has the same values of them.
TEST_F(ResourcesTest, ValuesAreThoseOfSystemd)
{
    std::string machine = defined("[resources]\nMemoryHigh = \"1.5G\"\nCPUQuotaPeriodSec = \"500us\"\n"), unit = service_of(machine);
    const std::string reference = name("reference") + ".service";
    ASSERT_TRUE(succeeds(run({"systemd-run", "--unit=" + reference, "/bin/sleep", "1000"})));
    ASSERT_TRUE(succeeds(holmctl({"verify", "/etc/holm/machines/" + machine + ".toml"})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(unit_property(unit, "MemoryHigh"), "1610612736");
    const std::pair<const char*, const char*> taken[] = {
        {"MemoryMax=1.5G", "MemoryMax"},
        {"MemoryMax=1G 512M", "MemoryMax"},
        {"MemoryMax=1P", "MemoryMax"},
        {"MemoryMax=1E", "MemoryMax"},
        {"MemoryMax=1073741824B", "MemoryMax"},
        {"MemoryMax=900‰", "MemoryMax"},
        {"MemoryMax=9050‱", "MemoryMax"},
        {"TasksMax=0x40", "TasksMax"},
        {"CPUQuota=500‰", "CPUQuotaPerSecUSec"},
        {"CPUQuota=7525‱", "CPUQuotaPerSecUSec"},
        {"CPUQuotaPeriodSec=2s", "CPUQuotaPeriodUSec"},
        {"CPUQuotaPeriodSec=500us", "CPUQuotaPeriodUSec"},
        {"CPUQuotaPeriodSec=10", "CPUQuotaPeriodUSec"},
        {"CPUQuotaPeriodSec=0.5s", "CPUQuotaPeriodUSec"},
        {"CPUAccounting=YES", "CPUAccounting"},
        {"IOReadBandwidthMax=/dev/null 1.5M", "IOReadBandwidthMax"},
    };
    for (const auto& [assignment, property] : taken) {
        ASSERT_TRUE(succeeds(run({"systemctl", "set-property", "--runtime", reference, assignment})));
        EXPECT_TRUE(succeeds(set(machine, {assignment})));
        EXPECT_EQ(unit_property(unit, property), unit_property(reference, property)) << assignment;
    }
    const std::string before = content_of(kept_of(machine));
    for (const char* refused : {"MemoryMax=1KB", "MemoryMax=16E", "MemoryMax=500M 1G", "MemoryMax=1001‰", "TasksMax=4K", "CPUQuota=1.5‱",
                                "CPUQuotaPeriodSec=2x", "IOReadBandwidthMax=/dev/null 1k"}) {
        EXPECT_NE(run({"systemctl", "set-property", "--runtime", reference, refused}).code, 0) << refused;
        EXPECT_TRUE(refuses(set(machine, {refused}), 1, std::string_view(refused).substr(0, 8)));
    }
    EXPECT_EQ(content_of(kept_of(machine)), before);
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", reference})));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

// systemd takes a BPF program when a unit is loaded, and never of one that is there.
TEST_F(ResourcesTest, BpfProgramsHoldFromTheNextStartOn)
{
    std::string machine = defined(), unit = service_of(machine);
    auto unit_file = [&] { return run({"systemctl", "cat", unit}).out; };
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(refuses(holmctl({"set", "--runtime", machine, "BPFProgram=egress:/sys/fs/bpf/none"}), 1, "without --runtime"));
    EXPECT_TRUE(
        refuses(holmctl({"set", "--runtime", machine, "TasksMax=66", "IPIngressFilterPath=/sys/fs/bpf/none"}), 1, "without --runtime"));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "4096");
    EXPECT_FALSE(exists(kept_of(machine)));
    Outcome kept = set(machine, {"TasksMax=66", "IPEgressFilterPath=/sys/fs/bpf/none"});
    EXPECT_TRUE(succeeds(kept));
    EXPECT_TRUE(has(kept.err, fmt::format("IPEgressFilterPath of machine '{}' is kept and holds from its next start on", machine)));
    EXPECT_EQ(unit_property(unit, "TasksMax"), "66");
    EXPECT_TRUE(has(content_of(kept_of(machine)), "IPEgressFilterPath = \"/sys/fs/bpf/none\""));
    EXPECT_TRUE(has(unit_file(), "IPEgressFilterPath=/sys/fs/bpf/none"));
    EXPECT_EQ(holmctl({"--quiet", "set", machine, "IPEgressFilterPath="}).err, "");
    EXPECT_FALSE(has(unit_file(), "IPEgressFilterPath"));
    ASSERT_TRUE(succeeds(set(machine, {"TasksMax="})));
    EXPECT_FALSE(exists(kept_of(machine)));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(set(machine, {"BPFProgram=egress:/sys/fs/bpf/none"})));
    EXPECT_TRUE(has(unit_file(), "BPFProgram=egress:/sys/fs/bpf/none"));
    EXPECT_TRUE(succeeds(set(machine, {"BPFProgram="})));

    std::string gone = background("exec sleep 1000", {"--rm"});
    EXPECT_TRUE(refuses(set(gone, {"BPFProgram=egress:/sys/fs/bpf/none"}), 1, "--property=BPFProgram"));
    EXPECT_TRUE(succeeds(holmctl({"terminate", gone})));
}

// Types of D-Bus that a limit does not have. What systemd shows of each is its own form.
TEST_F(ResourcesTest, AccessToAddressesPortsAndDevices)
{
    std::string machine = defined(
                    "[resources]\nIPAddressDeny = \"any\"\nDeviceAllow = [\"/dev/fuse rw\", \"block-loop\"]\n"
                    "SocketBindDeny = [\"any\"]\nSocketBindAllow = [\"ipv6:tcp:1000-1010\", \"80\"]\n"
                    "RestrictNetworkInterfaces = \"~eth7 eth8\"\nIPAccounting = true\n"),
                unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"verify", "/etc/holm/machines/" + machine + ".toml"})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(has(unit_property(unit, "IPAddressDeny"), "::/0"));  // in an order that changes
    EXPECT_TRUE(has(unit_property(unit, "IPAddressDeny"), "0.0.0.0/0"));
    EXPECT_TRUE(has(unit_property(unit, "DeviceAllow"), "/dev/fuse rw"));
    EXPECT_TRUE(has(unit_property(unit, "DeviceAllow"), "char-pts"));
    EXPECT_TRUE(has(unit_property(unit, "SocketBindAllow"), "ipv6:tcp1000-1010")) << "as systemd 252 writes it";
    EXPECT_TRUE(has(unit_property(unit, "RestrictNetworkInterfaces"), "eth7"));
    EXPECT_EQ(unit_property(unit, "IPAccounting"), "yes");
    ASSERT_TRUE(succeeds(set(machine, {"IPAddressDeny=10.0.0.0/8", "IPAddressDeny=fd00::/8", "DeviceAllow=", "SocketBindAllow="})));
    EXPECT_EQ(unit_property(unit, "IPAddressDeny").size(), std::string("10.0.0.0/8 fd00::/8").size());
    EXPECT_TRUE(has(unit_property(unit, "SocketBindAllow"), "1000-1010")) << "as the definition says";
    ASSERT_TRUE(succeeds(set(machine, {"IPAddressDeny=10.0.0.0/8"})));
    EXPECT_EQ(unit_property(unit, "IPAddressDeny"), "10.0.0.0/8") << "in the place of what was set before";
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

// What systemd has no name for: by the file of the unit's cgroup, which is above all that the machine can write.
TEST_F(ResourcesTest, HugePagesAreLimitedByTheFileOfTheCgroup)
{
    if (sh("grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers").code != 0) GTEST_SKIP() << "cgroup v2 has no hugetlb here";
    const std::string file = "hugetlb.2MB.max";
    auto limit_of = [&](const std::string& machine) {
        const std::string cgroup = holmctl({"show", "--value", "-p", "ControlGroup", machine}).out;
        return std::string(trim(content_of(fmt::format("/sys/fs/cgroup{}/{}", trim(cgroup), file))));
    };
    std::string machine = defined("[resources]\n\"hugetlb.2MB.max\" = \"64M\"\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(limit_of(machine), "67108864");
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "hugetlb.2MB.max=67108864"));
    EXPECT_TRUE(has(holmctl({"show", "-p", "CgroupLimits", machine}).out, "67108864"));
    EXPECT_EQ(unit_property(service_of(machine), "NeedDaemonReload"), "no");
    ASSERT_TRUE(succeeds(set(machine, {"hugetlb.2MB.max=33M", "TasksMax=77"})));
    EXPECT_EQ(limit_of(machine), "33554432") << "whole pages";
    EXPECT_TRUE(has(content_of(kept_of(machine)), "\"hugetlb.2MB.max\" = \"33M\""));
    kill_holmd();
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "hugetlb.2MB.max=33554432"));
    ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    EXPECT_EQ(limit_of(machine), "33554432");
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(limit_of(machine), "33554432");
    // What the machine is not to raise it does not even see.
    EXPECT_NE(holmctl({"exec", machine, "--", "/bin/sh", "-c", "echo max >/sys/fs/cgroup/hugetlb.2MB.max"}).code, 0);
    EXPECT_EQ(limit_of(machine), "33554432");
    // Held against what the kernel has, and made again.
    ASSERT_TRUE(succeeds(sh("echo max >/sys/fs/cgroup$(holmctl show --value -p ControlGroup " + machine + ")/" + file)));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "resources.hugetlb.2MB.max  infinity -> 33554432"));
    ASSERT_TRUE(succeeds(holmctl({"apply", machine})));
    EXPECT_EQ(limit_of(machine), "33554432");
    ASSERT_TRUE(succeeds(set(machine, {"hugetlb.2MB.max=", "TasksMax="})));
    EXPECT_EQ(limit_of(machine), "67108864") << "as the definition says";
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    Outcome applied = holmctl({"apply", machine});
    EXPECT_TRUE(succeeds(applied));
    EXPECT_EQ(limit_of(machine), "max") << applied.out;
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ResourcesTest, ARecordKeepsALimitOfHugePages)
{
    if (sh("grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers").code != 0) GTEST_SKIP() << "cgroup v2 has no hugetlb here";
    std::string machine = background("exec sleep 1000", {"--property=hugetlb.2MB.max=8M"});
    auto limits = [&] { return holmctl({"show", "--value", "-p", "CgroupLimits", machine}).out; };
    EXPECT_TRUE(has(limits(), "8388608"));
    ASSERT_TRUE(succeeds(set(machine, {"hugetlb.2MB.max=4M"})));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(has(limits(), "4194304"));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(ResourcesTest, ALimitThatTheHostDoesNotHaveIsRefused)
{
    // No host has pages of this size; its controller may be missing as well.
    std::string machine = defined("[resources]\n\"hugetlb.8KB.max\" = \"64M\"\n");
    Outcome refused = holmctl({"start", machine});
    EXPECT_TRUE(refuses(refused, 1, "'hugetlb.8KB.max' cannot be set"));
    EXPECT_EQ(state_of(machine), "failed");
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "hugetlb.8KB.max"));
    run({"systemctl", "reset-failed", service_of(machine)});
    EXPECT_TRUE(refuses(holmctl({"run", "--detach", "--name=" + machine + "r", "--root=" + busybox(), "--property=hugetlb.8KB.max=1M", "--",
                                 "/bin/sleep", "9"}),
                        125, "hugetlb.8KB.max"));
    std::string runs = defined();
    ASSERT_TRUE(succeeds(holmctl({"start", runs})));
    EXPECT_TRUE(refuses(set(runs, {"TasksMax=66", "hugetlb.8KB.max=1M"}), 1, "hugetlb.8KB.max"));
    EXPECT_TRUE(refuses(set(runs, {"misc.max=no_such_resource 1"}), 1, "misc.max"));
    EXPECT_TRUE(refuses(set(runs, {"rdma.max=no_such_device hca_handle=1"}), 1, "rdma.max"));
    EXPECT_TRUE(refuses(set(runs, {"memory.max=1M"}), 1, "systemd.resource-control"));
    EXPECT_FALSE(exists(kept_of(runs)));
    EXPECT_EQ(unit_property(service_of(runs), "TasksMax"), "4096");
    EXPECT_TRUE(succeeds(holmctl({"terminate", runs})));
}

// Cgroups that others make below payload/, as cgcreate and cgexec do, are the machine's while it lives and go with it.
TEST_F(ResourcesTest, ForeignCgroupsBelowItGoWithIt)
{
    std::string machine = defined();
    const std::string foreign = fmt::format("/sys/fs/cgroup/machine.slice/{}/payload/foreign/deep", service_of(machine));
    for (const char* verb : {"stop", "terminate"}) {
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        make_folder(foreign);
        Process sleeper({"/bin/sh", "-c", "echo $$ >" + foreign + "/cgroup.procs && exec sleep 1000"}, {.stdio = Stdio::Pipes});
        ASSERT_TRUE(eventually([&] { return !content_of(foreign + "/cgroup.procs").empty(); }));
        EXPECT_EQ(sh("nsenter -t $(holmctl show -p Leader --value " + machine + ") -a /bin/hostname").out, machine + "\n");
        EXPECT_TRUE(succeeds(holmctl({verb, machine})));
        EXPECT_NE(sleeper.wait(20s).code, 0) << verb;
        EXPECT_FALSE(exists(foreign));
    }
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

}  // namespace holm::test
