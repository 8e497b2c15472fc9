// [resources] and `set`: what systemd is told of a unit, live and at the next start, and where it is kept.
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

}  // namespace holm::test
