// Networks of a machine that runs: joined, left and published while it does.
#include "network_fixture.h"

namespace holm::test {

class LiveNetworkTest : public NetworkTest {
protected:
    void SetUp() override
    {
        NetworkTest::SetUp();
        define_network("second", "subnets = [\"10.99.5.0/24\"]\n");
        define_network("third", "subnets = [\"10.99.6.0/24\"]\n");
    }
    void TearDown() override
    {
        for (const std::string& machine : machines_) take_away(machine);
        sh("rm -rf /etc/holm/networks/second.toml /etc/holm/networks/third.toml /var/lib/holm/networks/second "
           "/var/lib/holm/networks/third");
        NetworkTest::TearDown();
    }
    std::string on_first(std::vector<std::string> options = {})
    {
        machines_.push_back(on("holm0", serves, std::move(options)));
        return machines_.back();
    }
    static std::string address_on(const std::string& machine, const std::string& interface)
    {
        return std::string(
            trim(inside(machine, fmt::format("ip -4 -o address show dev {} | sed 's/.*inet \\([0-9.]*\\).*/\\1/'", interface)).out));
    }

private:
    std::vector<std::string> machines_;
};

TEST_F(LiveNetworkTest, ThreeNetworksJoinedAndLeft)
{
    std::string machine = on_first(), neighbour = on("second", serves);
    const std::string first = address_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "third"})));
    const std::string second = address_on(machine, "eth1");
    EXPECT_TRUE(second.starts_with("10.99.5.")) << second;
    EXPECT_TRUE(address_on(machine, "eth2").starts_with("10.99.6."));
    EXPECT_TRUE(has(inside(machine, "ip -4 route show default").out, "dev eth0")) << "the default route stays";
    EXPECT_TRUE(eventually([&] { return page(machine, address_of(neighbour)) == neighbour + "\n"; }));
    EXPECT_EQ(page(neighbour, second), machine + "\n");
    EXPECT_TRUE(eventually([&] { return inside(neighbour, "ping -4 -c 1 -W 2 " + machine).code == 0; }, 10s)) << "its name there";
    EXPECT_TRUE(has(holmctl({"network-status", "second"}).out, machine));
    EXPECT_TRUE(refuses(holmctl({"connect", "--runtime", machine, "second"}), 1, "eth1"));

    // A reboot from inside has the same; left and joined again, the address is the same.
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_TRUE(eventually([&] { return address_on(machine, "eth1") == second; }, 10s));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", "--runtime", machine, "second"})));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth0\neth2\nlo\n");
    EXPECT_EQ(page(neighbour, second), "");
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "second"})));
    EXPECT_EQ(address_on(machine, "eth1"), second);
    EXPECT_EQ(address_of(machine), first);
    EXPECT_TRUE(refuses(holmctl({"disconnect", "--runtime", machine, "fourth"}), 1, "fourth"));
    EXPECT_TRUE(refuses(holmctl({"connect", "--runtime", machine, "fourth"}), 1, "fourth"));
    take_away(neighbour);
}

// One connection on each of three networks, open from before the changes of the others to after them.
TEST_F(LiveNetworkTest, ConnectionsGoOnWhileOthersComeAndGo)
{
    std::string machine = on_first(), neighbour = on("second", serves), third = on("third", serves);
    ASSERT_TRUE(succeeds(holmctl({"connect", machine, "second"})));
    auto open_page = [&](const std::string& from, const std::string& address, const std::string& file) {
        sh(
            fmt::format("{0} bash -c 'exec 3<>/dev/tcp/{1}/80; echo open >{2}/{3}; until [ -e {2}/go ]; do sleep 0.1; done; "
                        "printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; timeout 3 tail -n 1 <&3 >{2}/{3}' >/dev/null 2>&1 &",
                        from, address, folder(), file));
        EXPECT_TRUE(eventually([&] { return content_of(folder() + "/" + file) == "open\n"; }));
    };
    open_page(in_network_of(machine), address_of(neighbour), "over-second");
    open_page("", address_of(machine), "first");
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(succeeds(holmctl({"connect", machine, "third"})));
        EXPECT_EQ(page(machine, address_of(third)), third + "\n");
        ASSERT_TRUE(succeeds(holmctl({"publish", machine, "8080:80"})));
        EXPECT_EQ(page_from("timeout 2 " + beyond, host_end, 8080), machine + "\n");
        ASSERT_TRUE(succeeds(holmctl({"unpublish", machine, "8080:80"})));
        ASSERT_TRUE(succeeds(holmctl({"disconnect", machine, "third"})));
    }
    write_file(folder() + "/go", "");
    EXPECT_TRUE(eventually([&] { return content_of(folder() + "/over-second") == neighbour + "\n"; }, 8s));
    EXPECT_TRUE(eventually([&] { return content_of(folder() + "/first") == machine + "\n"; }, 8s));
    take_away(neighbour), take_away(third);
}

// Whatever moment it is: the view says what there is, and the change can be made or taken back.
TEST_F(LiveNetworkTest, HolmdKilledInTheMiddleOfAChange)
{
    std::string machine = on_first();
    for (int i = 0; i < count(20, 6); ++i) {
        sh(
            fmt::format("(holmctl connect {0} second; holmctl publish {0} 8080:80) >/dev/null 2>&1 & sleep 0.0{1}; "
                        "kill -9 $(systemctl show -P MainPID holmd); wait",
                        machine, i * 4 % 10));
        EXPECT_TRUE(eventually([&] { return has(holmctl({"network-status", "holm0"}).out, machine); }));
        holmctl({"connect", machine, "second"});  // refused where all of it was done
        EXPECT_TRUE(has(holmctl({"network-status", "second"}).out, machine));
        EXPECT_TRUE(address_on(machine, "eth1").starts_with("10.99.5."));
        holmctl({"publish", machine, "8080:80"});
        EXPECT_TRUE(eventually([&] { return page_from("timeout 2 " + beyond, host_end, 8080) == machine + "\n"; }));
        EXPECT_TRUE(succeeds(holmctl({"unpublish", machine, "8080:80"})));
        EXPECT_TRUE(succeeds(holmctl({"disconnect", machine, "second"})));
        EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth0\nlo\n");
        EXPECT_EQ(sh("ls /sys/class/net | grep -c holm-second").out, "0\n");
    }
}

TEST_F(LiveNetworkTest, WhoHasNoNetworkCanJoinOne)
{
    std::string machine = on("none", waits), shared = on("host", waits);
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "holm0"})));
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
    EXPECT_TRUE(refuses(holmctl({"connect", "--runtime", shared, "holm0"}), 1, "host"));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", "--runtime", machine, "holm0"})));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "lo\n");
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "holm0"})));
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
    take_away(machine);
    EXPECT_EQ(sh("ls /sys/class/net | grep -c holm0").out, "0\n");
}

TEST_F(LiveNetworkTest, PortsArePublishedAndConnectionsGoOn)
{
    std::string machine = on_first(), other = on_first();
    auto from_outside = [&](int port) { return page_from("timeout 2 " + beyond, host_end, port); };
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", machine, "8080:80"})));
    EXPECT_EQ(from_outside(8080), machine + "\n");
    EXPECT_EQ(page(machine, host_end, 8080), machine + "\n") << "itself";
    EXPECT_TRUE(eventually([&] { return page_from("timeout 2", "127.0.0.1", 8080) == machine + "\n"; }));
    EXPECT_TRUE(refuses(holmctl({"publish", "--runtime", other, "8080:80"}), 1, machine));
    EXPECT_TRUE(refuses(holmctl({"publish", "--runtime", machine, "8080:81"}), 1, "8080:80/tcp"));
    EXPECT_TRUE(refuses(holmctl({"publish", "--runtime", machine, "80a:81"}), 1, "80a"));

    // A connection that is open stays while others come and go.
    sh(
        fmt::format("{0} bash -c 'exec 3<>/dev/tcp/{1}/8080; sleep 3; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; timeout 3 tail -n 1 <&3' "
                    ">{2}/kept 2>&1 &",
                    beyond, host_end, folder()));
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", machine, "8081:80"})));
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", other, "8082-8083:80-81"})));
    EXPECT_EQ(from_outside(8082), other + "\n");
    ASSERT_TRUE(succeeds(holmctl({"unpublish", "--runtime", machine, "8081:80"})));
    EXPECT_EQ(from_outside(8081), "");
    EXPECT_TRUE(eventually([&] { return content_of(folder() + "/kept") == machine + "\n"; }, 8s)) << content_of(folder() + "/kept");
    ASSERT_TRUE(succeeds(holmctl({"unpublish", "--runtime", machine, "8080:80/tcp"})));
    EXPECT_EQ(from_outside(8080), "");
    EXPECT_TRUE(refuses(holmctl({"unpublish", "--runtime", machine, "8080:80"}), 1, "8080:80/tcp"));
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", other, "8080:80"})));
    EXPECT_EQ(from_outside(8080), other + "\n");
}

// A definition with a default: one more must not take its place, and each change holds at once and at the next start.
TEST_F(LiveNetworkTest, WithoutRuntimeItIsKept)
{
    const std::string machine = name("kept"), root = busybox();
    const std::string kept = "/etc/holm/machines/" + machine + ".toml.d/90-set.toml";
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[security]\ncapabilities = {{ add = [\"CAP_NET_RAW\"] }}\n",
                                root, serves));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const std::string first = address_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"connect", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"publish", machine, "8080:80"})));
    const std::string second = address_on(machine, "eth1");
    EXPECT_TRUE(second.starts_with("10.99.5.")) << second;
    EXPECT_EQ(page_from(beyond, host_end, 8080), machine + "\n");
    EXPECT_TRUE(has_words(content_of(kept), {"\"holm0\"", "\"second\"", "8080:80"})) << content_of(kept);
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(address_of(machine), first);
    EXPECT_EQ(address_on(machine, "eth1"), second);
    EXPECT_TRUE(eventually([&] { return page_from("timeout 2 " + beyond, host_end, 8080) == machine + "\n"; }));

    // The first leaves: what is left keeps its name, its address and, where it has been asked for, its ports.
    ASSERT_TRUE(succeeds(holmctl({"disconnect", machine, "holm0"})));
    ASSERT_TRUE(succeeds(holmctl({"publish", machine, "8081:80/tcp"})));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth1\nlo\n");
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth1\nlo\n");
    EXPECT_EQ(address_on(machine, "eth1"), second);
    EXPECT_TRUE(eventually([&] { return page_from("timeout 2 " + beyond, host_end, 8081) == machine + "\n"; }));
    ASSERT_TRUE(succeeds(holmctl({"unpublish", machine, "8081:80"}))) << "in other words";
    EXPECT_EQ(page_from("timeout 2 " + beyond, host_end, 8081), "");
    EXPECT_TRUE(refuses(holmctl({"unpublish", machine, "8081:80"}), 1, "8081:80/tcp"));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", machine, "eth1"})));
    ASSERT_TRUE(succeeds(holmctl({"connect", machine, "holm0"})));
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(address_of(machine), first);
    take_away(machine);
}

TEST_F(LiveNetworkTest, WhatCannotBeDoneIsNotKept)
{
    const std::string machine = name("kept"), other = on_first({"--publish=8090:80"});
    const std::string kept = "/etc/holm/machines/" + machine + ".toml.d/90-set.toml";
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[[network]]\nnetwork = \"holm0\"\npublish = [\"8070:80\"]\n",
                                busybox(), serves));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(refuses(holmctl({"publish", machine, "8090:80"}), 1, other)) << "another has it: the live half fails";
    EXPECT_TRUE(refuses(holmctl({"connect", machine, "fourth"}), 1, "fourth"));
    EXPECT_TRUE(refuses(holmctl({"connect", machine, "holm0"}), 1, "eth0"));
    EXPECT_TRUE(refuses(holmctl({"publish", machine, "8070:81"}), 1, "8070:80"));
    EXPECT_TRUE(refuses(holmctl({"disconnect", machine, "second"}), 1, "second"));
    EXPECT_FALSE(exists(kept)) << content_of(kept);
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "second"})));
    EXPECT_FALSE(exists(kept));
    ASSERT_TRUE(succeeds(holmctl({"connect", machine, "second"}))) << "it is there, and not kept yet";
    EXPECT_TRUE(has(content_of(kept), "second"));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", machine, "second"})));
    EXPECT_FALSE(exists(kept)) << "as the definition says: nothing is left to be kept";

    // Without it running.
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"unpublish", machine, "8070:80"})));
    ASSERT_TRUE(succeeds(holmctl({"publish", machine, "8071:80"})));
    EXPECT_TRUE(refuses(holmctl({"publish", machine, "8071:80"}), 1, "already"));
    EXPECT_TRUE(refuses(holmctl({"publish", "--runtime", machine, "8072:80"}), 1, "does not run"));
    EXPECT_TRUE(refuses(holmctl({"publish", "nobody", "8072:80"}), 1, "nobody"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return page_from("timeout 2 " + beyond, host_end, 8071) == machine + "\n"; }));
    EXPECT_EQ(page_from("timeout 2 " + beyond, host_end, 8070), "");
    take_away(machine);
}

// A machine without a definition keeps it in its record.
TEST_F(LiveNetworkTest, ARecordKeepsItToo)
{
    const std::string machine = on_first();
    ASSERT_TRUE(succeeds(holmctl({"connect", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"publish", machine, "8080:80"})));
    const std::string second = address_on(machine, "eth1");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(address_on(machine, "eth1"), second);
    EXPECT_TRUE(eventually([&] { return page_from("timeout 2 " + beyond, host_end, 8080) == machine + "\n"; }));
    EXPECT_FALSE(exists("/etc/holm/machines/" + machine + ".toml.d"));
}

// A client that has sent datagrams to the host before is not carried past the machine, nor to it afterwards.
TEST_F(LiveNetworkTest, StaleFlowsAreForgotten)
{
    std::string machine = on_first();
    write_file(folder() + "/answer.py",
               "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 5300))\n"
               "while True:\n    _, peer = s.recvfrom(99); s.sendto(b'machine', peer)\n");
    write_file(folder() + "/ask.py",
               fmt::format("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 40000)); "
                           "s.settimeout(1)\ns.sendto(b'who', ('{}', 5300))\n"
                           "try: print(s.recvfrom(99)[0].decode())\nexcept OSError: print('nobody')\n",
                           host_end));
    sh(fmt::format("{} python3 {}/answer.py & echo $! >{}/pid", in_network_of(machine), folder(), folder()));
    auto asked = [&] { return sh(fmt::format("{} python3 {}/ask.py", beyond, folder())).out; };
    EXPECT_EQ(asked(), "nobody\n");
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", machine, "5300:5300/udp"})));
    EXPECT_EQ(asked(), "machine\n");
    ASSERT_TRUE(succeeds(holmctl({"unpublish", "--runtime", machine, "5300:5300/udp"})));
    EXPECT_EQ(asked(), "nobody\n");
    sh(fmt::format("kill $(cat {}/pid)", folder()));
}

TEST_F(LiveNetworkTest, ADeadHolmdLosesNothingOfIt)
{
    std::string machine = on_first();
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", machine, "8080:80"})));
    kill_holmd();
    EXPECT_TRUE(has(holmctl({"network-status", "second"}).out, machine));
    EXPECT_EQ(page_from(beyond, host_end, 8080), machine + "\n");
    ASSERT_TRUE(succeeds(holmctl({"unpublish", "--runtime", machine, "8080:80"})));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", "--runtime", machine, "second"})));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "eth0\nlo\n");
}

}  // namespace holm::test
