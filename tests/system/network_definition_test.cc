// Networks that are defined and removed by verb.
#include "network_fixture.h"

namespace holm::test {

class NetworkDefinitionTest : public NetworkTest {
protected:
    void SetUp() override
    {
        make_folder("/etc/holm/networks");
        NetworkTest::SetUp();
    }
    void TearDown() override
    {
        sh("rm -rf /etc/holm/networks/lab.toml /etc/holm/networks/lab.toml.d /var/lib/holm/networks/lab");
        NetworkTest::TearDown();
    }
    static bool is_listed(const std::string& network) { return has_words(holmctl({"list-networks", "--no-legend"}).out, {network + " "}); }
    static bool has_nothing_of(const std::string& network)
    {
        return sh(fmt::format("ls -d /etc/holm/networks/{0}.toml* /var/lib/holm/networks/{0} /run/holm/networks/{0} 2>/dev/null", network))
            .out.empty();
    }
};

TEST_F(NetworkDefinitionTest, MadeUsedAndRemoved)
{
    ASSERT_TRUE(succeeds(holmctl(
        {"network-create", "lab", "--subnet=10.99.40.0/24", "--gateway=10.99.40.9", "--domain=lab.example", "--mtu=1400", "--no-dhcp"})));
    EXPECT_EQ(content_of("/etc/holm/networks/lab.toml"),
              "domain = \"lab.example\"\nsubnets = [\"10.99.40.0/24\"]\ngateway = [\"10.99.40.9\"]\nmtu = 1400\ndhcp = false\n");
    EXPECT_TRUE(is_listed("lab"));
    EXPECT_FALSE(exists("/var/lib/holm/networks/lab")) << "nothing is drawn before its first use";
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab"}), 1, "/etc/holm/networks/lab.toml"));

    std::string machine = on("lab");
    EXPECT_TRUE(address_of(machine).starts_with("10.99.40."));
    EXPECT_TRUE(has(inside(machine, "ip route; cat /etc/resolv.conf; cat /sys/class/net/eth0/mtu").out, "via 10.99.40.9"));
    EXPECT_TRUE(refuses(holmctl({"network-remove", "lab"}), 1, "machine " + machine));
    EXPECT_TRUE(is_listed("lab"));
    EXPECT_TRUE(succeeds(inside(machine, "ping -c 1 -W 2 10.99.40.9"))) << "a refusal changes nothing";
    take_away(machine);
    ASSERT_TRUE(succeeds(holmctl({"network-remove", "lab"})));
    EXPECT_FALSE(is_listed("lab"));
    EXPECT_TRUE(has_nothing_of("lab"));
    EXPECT_TRUE(refuses(holmctl({"network-remove", "lab"}), 1, "'lab' has no definition"));
}

TEST_F(NetworkDefinitionTest, WhoUsesOneIsNamed)
{
    ASSERT_TRUE(succeeds(holmctl({"network-create", "lab", "--subnet=10.99.40.0/24"})));
    const std::string defined = name("defined"), root = busybox();
    define(defined, fmt::format("[root]\npath = \"{}\"\n[[network]]\nnetwork = \"lab\"\n", root));
    EXPECT_TRUE(refuses(holmctl({"network-remove", "lab"}), 1, "machine " + defined)) << "it has never run";
    ASSERT_TRUE(succeeds(holmctl({"remove", defined})));

    std::string guest = on("holm0");
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", guest, "lab"})));
    EXPECT_TRUE(refuses(holmctl({"network-remove", "lab"}), 1, "machine " + guest)) << "by a live change alone";
    ASSERT_TRUE(succeeds(holmctl({"disconnect", "--runtime", guest, "lab"})));
    ASSERT_TRUE(succeeds(holmctl({"network-remove", "lab"}))) << "its lease is none";
    EXPECT_TRUE(has_nothing_of("lab"));
}

TEST_F(NetworkDefinitionTest, APersistentOneGoesDownFirst)
{
    ASSERT_TRUE(succeeds(holmctl({"network-create", "lab", "--subnet=10.99.40.0/24", "--persistent"})));
    take_away(on("lab"));
    EXPECT_TRUE(succeeds(sh("ip link show holm-lab")));
    ASSERT_TRUE(succeeds(holmctl({"network-remove", "lab"})));
    EXPECT_NE(sh("ip link show holm-lab").code, 0);
    EXPECT_TRUE(has_nothing_of("lab"));
    EXPECT_TRUE(eventually([] { return unit_state("holm-network@lab.service") == "inactive"; }, 5s));
}

TEST_F(NetworkDefinitionTest, APersistentOneIsUpFromItsDefinitionOn)
{
    ASSERT_TRUE(succeeds(holmctl({"network-create", "lab", "--subnet=10.99.40.0/24", "--persistent"})));
    EXPECT_TRUE(succeeds(sh("ip -4 -o address show dev holm-lab | grep -q ' 10.99.40.1/24 '"))) << "at once";
    EXPECT_TRUE(succeeds(sh("nft list set inet holm bridges | grep -q holm-lab")));
    EXPECT_TRUE(eventually([] { return unit_state("holm-network@lab.service") == "active"; }));
    EXPECT_TRUE(refuses(holmctl({"network-create", "bad", "--interface=to-server", "--persistent"}), 1, "to-server"));
    EXPECT_TRUE(has_nothing_of("bad")) << "what cannot be brought up is not defined";
    take_away(on("lab"));
    EXPECT_TRUE(succeeds(sh("ip link show holm-lab"))) << "it stays without machines";

    // As after a boot: nothing of it is there, and holmd starts.
    sh("systemctl stop holmd.service holm-network@lab.service; ip link delete holm-lab; rm -rf /run/holm/networks/lab; nft flush ruleset");
    ASSERT_TRUE(succeeds(sh("systemctl start holmd.service")));
    EXPECT_TRUE(eventually([] { return sh("ip -4 -o address show dev holm-lab").out.contains(" 10.99.40.1/24 "); }));
    EXPECT_TRUE(eventually([] { return unit_state("holm-network@lab.service") == "active"; }));
    EXPECT_TRUE(eventually([] { return sh("nft list set inet holm bridges").out.contains("holm-lab"); }));
    ASSERT_TRUE(
        succeeds(sh("rm -rf /tmp/generated && mkdir /tmp/generated && "
                    "/usr/lib/systemd/system-generators/holm-generator /tmp/generated")));
    EXPECT_TRUE(
        succeeds(sh("test $(readlink /tmp/generated/multi-user.target.wants/holmd.service) = /usr/lib/systemd/system/holmd.service")));
    ASSERT_TRUE(succeeds(holmctl({"network-remove", "lab"})));
    EXPECT_TRUE(has_nothing_of("lab"));
    EXPECT_TRUE(eventually([] { return unit_state("holm-network@lab.service") == "inactive"; }));
    ASSERT_TRUE(
        succeeds(sh("rm -rf /tmp/generated && mkdir /tmp/generated && "
                    "/usr/lib/systemd/system-generators/holm-generator /tmp/generated")));
    EXPECT_FALSE(exists("/tmp/generated/multi-user.target.wants")) << "nothing needs it at boot";
    sh("rm -rf /tmp/generated");
}

TEST_F(NetworkDefinitionTest, WhatOverlapsIsRefusedEverywhere)
{
    ASSERT_TRUE(succeeds(holmctl({"network-create", "lab", "--subnet=10.99.40.0/24"})));
    const char* why = "the subnet 10.99.40.128/25 of network 'den' overlaps network 'lab' (10.99.40.0/24)";
    EXPECT_TRUE(refuses(holmctl({"network-create", "den", "--subnet=10.99.40.128/25"}), 1, why)) << "nothing of either is drawn yet";
    define_network("den", "subnets = [\"10.99.40.128/25\"]\n");
    EXPECT_TRUE(refuses(holmctl({"verify", "/etc/holm/networks/den.toml"}), 1, why));
    EXPECT_TRUE(has(holmctl({"verify"}).err, why)) << "beside the same of the other";
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--network=den", "--lower=" + busybox(), "--ephemeral", "--", "/bin/true"}), 125, why));
    EXPECT_FALSE(exists("/var/lib/holm/networks/den"));
    const std::string guest = on("holm0");
    EXPECT_TRUE(refuses(holmctl({"connect", "--runtime", guest, "den"}), 1, why));

    const char* route = "the subnet 192.0.2.0/25 of network 'den' overlaps the route 192.0.2.0/24 of the host's interface 'to-server'";
    define_network("den", "subnets = [\"192.0.2.0/25\"]\n");
    EXPECT_TRUE(refuses(holmctl({"verify", "/etc/holm/networks/den.toml"}), 1, route));
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--network=den", "--lower=" + busybox(), "--ephemeral", "--", "/bin/true"}), 125, route));
    define_network("den", "subnets = [\"10.99.41.0/24\"]\n");
    EXPECT_TRUE(succeeds(holmctl({"verify", "/etc/holm/networks/den.toml"})));
    EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--network=den", "--lower=" + busybox(), "--ephemeral", "--", "/bin/true"})));
    sh("rm -rf /etc/holm/networks/den.toml /var/lib/holm/networks/den");
    ASSERT_TRUE(succeeds(holmctl({"network-remove", "lab"})));
}

TEST_F(NetworkDefinitionTest, WhatCannotBeIsRefusedAndLeavesNothing)
{
    const std::string etc = sh("ls /etc/holm/networks").out;
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab", "--subnet=10.99.40.0/33"}), 1, "10.99.40.0/33"));
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab", "--subnet=192.0.2.0/25"}), 1, "to-server")) << "it meets a route";
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab", "--subnet=10.99.40.0/24", "--gateway=10.99.41.1"}), 1, "10.99.41.1"));
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab", "--domain=a\nb"}), 1, "domain"));
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab", "--mtu=12"}), 1, "mtu"));
    EXPECT_TRUE(refuses(holmctl({"network-create", "none"}), 1, "none"));
    EXPECT_TRUE(refuses(holmctl({"network-create", "../lab"}), 1, "../lab"));
    EXPECT_EQ(holmctl({"network-create", "lab", "--mtu=many"}).code, 2);
    EXPECT_EQ(holmctl({"network-create", "lab", "--file=-", "--isolated"}, "").code, 2);
    EXPECT_TRUE(refuses(holmctl({"network-create", "lab", "--file=-"}, "subnet = [\"10.99.40.0/24\"]\n"), 1, "subnets"));
    EXPECT_TRUE(refuses(holmctl({"network-remove", "holm0"}), 1, "vendor"));
    EXPECT_EQ(sh("ls /etc/holm/networks").out, etc);
    ASSERT_TRUE(succeeds(holmctl({"network-create", "lab", "--file=-"}, "subnets = [\"10.99.40.0/24\"]\n")));
    EXPECT_EQ(content_of("/etc/holm/networks/lab.toml"), "subnets = [\"10.99.40.0/24\"]\n");
}

}  // namespace holm::test
