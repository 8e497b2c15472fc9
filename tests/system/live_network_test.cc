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
