// Links of the host that are moved into machines, and come back as they were whoever is killed.
#include <signal.h>

#include "network_fixture.h"

namespace holm::test {

class PhysicalLinkTest : public NetworkTest {
protected:
    // Two kinds: one that ends with its namespace, and one end of a pair whose other end stays.
    void SetUp() override
    {
        NetworkTest::SetUp();
        ASSERT_TRUE(
            succeeds(sh("ip link add lab0 address 02:00:5e:10:00:05 mtu 1400 type ifb && ip link set lab0 up && "
                        "ip address add 198.51.100.1/24 dev lab0 && "
                        "ip link add lab1 address 02:00:5e:10:00:06 type veth peer name lab2")));
    }
    void TearDown() override
    {
        sh("for link in lab0 lab0-0 lab1 lab2 labbr; do ip link delete $link 2>/dev/null; done");
        NetworkTest::TearDown();
    }

    std::string machine_with(const std::string& networks, const char* script = waits)
    {
        const std::string machine = name("moved");
        define(machine,
               fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n{}", busybox(), script, networks));
        return machine;
    }
    static bool is_here(const std::string& link) { return sh("ip link show " + link).code == 0; }
    static std::string seen(const std::string& link)
    {
        return sh(fmt::format("cd /sys/class/net/{} && cat address mtu; ip -o address show dev {} scope global", link, link)).out;
    }
    static void expect_back()
    {
        EXPECT_TRUE(eventually([] { return is_here("lab0"); }, 60s));
        EXPECT_EQ(seen("lab0"), "02:00:5e:10:00:05\n1400\n") << "and no address is invented";
        EXPECT_TRUE(eventually([] { return sh("ls /run/holm/links; grep /run/holm/links /proc/mounts").out.empty(); }, 60s));
    }
    static void in_its_network(const std::string& machine, const std::string& command)
    {
        EXPECT_TRUE(succeeds(sh(fmt::format("{} sh -ec '{}'", in_network_of(machine), command))));
    }
    static std::string cgroup_of(const std::string& machine) { return unit_property(service_of(machine), "ControlGroup"); }
    static void stop(const std::string& machine) { EXPECT_TRUE(succeeds(holmctl({"stop", machine}))); }
};

constexpr const char* both =
    "[[network]]\nnetwork = \"physical:lab0\"\naddress = [\"198.51.100.7/24\"]\n"
    "[[network]]\nnetwork = \"physical:lab1\"\ninterface = \"out0\"\nmtu = 1300\n";

TEST_F(PhysicalLinkTest, InAndBackWithItsOldName)
{
    const std::string machine = machine_with(both);
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "interface lab0 of the host, given back at the end, 02:00:5e:10:00:05"));
    EXPECT_TRUE(is_here("lab0")) << "a plan moves nothing";
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_FALSE(is_here("lab0"));
    EXPECT_FALSE(is_here("lab1"));
    EXPECT_EQ(inside(machine, "cat /sys/class/net/lab0/mtu /sys/class/net/out0/mtu /sys/class/net/out0/address").out,
              "1400\n1300\n02:00:5e:10:00:06\n");
    EXPECT_TRUE(has(inside(machine, "ip -4 address show dev lab0").out, "198.51.100.7/24"));
    EXPECT_TRUE(has(holmctl({"plan", machine}).out, "runs as its definition says")) << "with the link that it has";
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--network=physical:lab0", "--lower=" + busybox(), "--ephemeral", "--", "/bin/true"}), 125,
                        fmt::format("is in machine '{}'", machine)));
    in_its_network(machine, "ip link set lab0 down; ip link set out0 down");
    in_its_network(machine, "ip link set lab0 name lo1 mtu 1280; ip link set out0 name lab0 address 02:00:00:00:00:99 mtu 1280");

    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_TRUE(eventually([&] { return inside(machine, "cat /sys/class/net/lab0/mtu").out == "1400\n"; }, 60s))
        << "the link stays, as planned";
    EXPECT_FALSE(is_here("lab0"));
    in_its_network(machine, "ip link set lab0 down; ip link set out0 down");
    in_its_network(machine, "ip link set lab0 name lo1 mtu 1280; ip link set out0 name lab0 address 02:00:00:00:00:99 mtu 1280");
    stop(machine);
    expect_back();
    EXPECT_EQ(seen("lab1"), "02:00:5e:10:00:06\n1500\n");
    EXPECT_TRUE(is_here("lab2")) << "the pair is whole";
}

TEST_F(PhysicalLinkTest, WhoeverIsKilled)
{
    const std::string machine = machine_with(both);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    kill_holmd();
    EXPECT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 60s));
    EXPECT_FALSE(is_here("lab0")) << "the machine still has it";
    EXPECT_EQ(inside(machine, "cat /sys/class/net/lab0/mtu").out, "1400\n");
    stop(machine);
    expect_back();

    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    sh(fmt::format("kill -9 $(cat /sys/fs/cgroup{}/supervisor/cgroup.procs)", cgroup_of(machine)));
    expect_back();
    EXPECT_TRUE(eventually([&] { return unit_state(service_of(machine)) != "active" && holmctl({"start", machine}).code == 0; }, 60s));

    EXPECT_FALSE(is_here("lab0"));
    sh(fmt::format("kill -9 $(cat /sys/fs/cgroup{}/supervisor/cgroup.procs) {}", cgroup_of(machine), holmd_pid()));
    expect_back();
    EXPECT_EQ(seen("lab1"), "02:00:5e:10:00:06\n1500\n");
}

TEST_F(PhysicalLinkTest, LiveAndRefused)
{
    const std::string machine = machine_with("[[network]]\nnetwork = \"holm0\"\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    auto refused = [&](const std::string& link, const std::string& why) {
        EXPECT_TRUE(refuses(holmctl({"connect", "--runtime", machine, "physical:" + link}), 1, why));
        EXPECT_TRUE(refuses(holmctl({"connect", machine, "physical:" + link}), 1, why));
    };
    refused("nowhere", "not on the host");
    refused("lo", "loopback");
    refused("holm0", "network 'holm0'");
    refused("a-name-too-long-for-it", "at most 15 characters");
    sh("ip link add labbr type bridge && ip link set lab2 master labbr");
    refused("lab2", "port of 'labbr'");
    refused("labbr", "bridge");
    sh("ip route add default dev lab0 metric 4000");
    refused("lab0", "default route");
    sh("ip route delete default dev lab0");

    ASSERT_TRUE(succeeds(holmctl({"connect", machine, "physical:lab0"})));
    EXPECT_FALSE(is_here("lab0"));
    EXPECT_EQ(inside(machine, "cat /sys/class/net/lab0/operstate").out, "unknown\n") << "up, as its kind says it";
    EXPECT_TRUE(has(content_of(fmt::format("/etc/holm/machines/{}.toml.d/90-set.toml", machine)), "physical:lab0"));
    EXPECT_TRUE(succeeds(inside(machine, "ip link show eth0")));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", machine, "physical:lab0"})));
    expect_back();
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth0\nlo\n");

    // Somebody takes its name while it is away.
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "physical:lab0"})));
    sh("ip link add lab0 type ifb");
    stop(machine);
    EXPECT_TRUE(eventually([] { return is_here("lab0-0"); }, 60s));
    EXPECT_EQ(seen("lab0-0"), "02:00:5e:10:00:05\n1400\n");
    EXPECT_TRUE(
        eventually([] { return journal_of("holmd.service").contains("interface 'lab0' of the host has come back as 'lab0-0'"); }, 60s));
}

}  // namespace holm::test
