// Other types of networks than a bridge of holm's, and how fast they may be.
#include "network_fixture.h"

namespace holm::test {

class NetworkTypesTest : public NetworkTest {};

TEST_F(NetworkTypesTest, APairToTheHost)
{
    std::string machine = name("pair");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[[network]]\nnetwork = \"veth\"\naddress = [\"10.99.7.2/30\"]\n",
                                busybox(), waits));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(sh(fmt::format("ip address add 10.99.7.1/30 dev ve-{}", machine))));
    EXPECT_TRUE(succeeds(sh("ping -c 1 -W 2 10.99.7.2")));
    EXPECT_TRUE(has(inside(machine, "ip -4 address show dev eth0").out, "10.99.7.2/30"));
}

TEST_F(NetworkTypesTest, AMacvlanOfAnInterface)
{
    std::string machine = name("macvlan");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[security]\ncapabilities = {{ add = [\"CAP_NET_RAW\"] }}\n[[network]]\nnetwork = "
                                "\"macvlan:to-server\"\naddress = [\"192.0.2.9/24\"]\nmac = \"02:00:5e:10:00:05\"\n",
                                busybox(), waits));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(inside(machine, "cat /sys/class/net/eth0/address").out, "02:00:5e:10:00:05\n");
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server)))) << "beside the host, not through it";
    EXPECT_TRUE(succeeds(holmctl({"disconnect", "--runtime", machine, "macvlan:to-server"})));
    EXPECT_EQ(inside(machine, "ls /sys/class/net").out, "lo\n");
    EXPECT_TRUE(succeeds(holmctl({"connect", "--runtime", machine, "macvlan:to-server"})));
    EXPECT_TRUE(refuses(holmctl({"connect", "--runtime", machine, "macvlan:nowhere"}), 1, "nowhere"));
}

// Networks on the wire of an interface, with leases of a block that is given.
constexpr const char *router = "198.51.100.254", *router6 = "2001:db8:1::fe";

std::string wire_of(const char* type)
{
    return fmt::format(
        "type = \"{}\"\ninterface = \"to-server\"\nsubnets = [\"198.51.100.0/24\", \"2001:db8:1::/64\"]\n"
        "gateway = [\"{}\", \"{}\"]\n",
        type, router, router6);
}

const std::string router_comes =
    fmt::format("ip -n server address add {}/24 dev to-host && ip -n server address add {}/64 dev to-host nodad", router, router6);
constexpr const char* wire_goes = "rm -rf /etc/holm/networks/wire.toml /var/lib/holm/networks/wire";

TEST_F(NetworkTypesTest, ANetworkOfMacvlans)
{
    ASSERT_TRUE(succeeds(sh(router_comes)));
    define_network("wire", wire_of("macvlan"));
    const std::string first = on("wire", serves), second = on("wire"), address = address_of(first);
    EXPECT_TRUE(address.starts_with("198.51.100.")) << address;
    EXPECT_TRUE(has(inside(first, "ip -4 route show default").out, fmt::format("via {} dev eth0", router)));
    for (const char* there : {router, router6, server})
        EXPECT_TRUE(eventually([&] { return inside(first, fmt::format("ping -c 1 -W 2 {}", there)).code == 0; })) << there;
    EXPECT_TRUE(eventually([&] { return page(second, address) == first + "\n"; }));
    EXPECT_TRUE(has(holmctl({"network-status", "wire"}).out, "to-server"));
    EXPECT_TRUE(refuses(holmctl({"publish", "--runtime", first, "8080:80"}), 1, "not holm's"));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", "--runtime", first, "wire"})));
    EXPECT_EQ(inside(first, "ls /sys/class/net").out, "lo\n");
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", first, "wire"})));
    EXPECT_EQ(address_of(first), address) << "its lease";
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return holmctl({"list"}).code == 0; }));
    EXPECT_TRUE(eventually([&] { return page(second, address) == first + "\n"; }));
    take_away(first), take_away(second);
    EXPECT_TRUE(succeeds(sh("ip link show to-server"))) << "it was never holm's";
    auto refused = [&](std::vector<std::string> options) {
        options.insert(options.begin(), {"run", "--rm", "--network=wire", "--lower=" + busybox(), "--ephemeral"});
        options.insert(options.end(), {"--", "/bin/true"});
        return holmctl(options);
    };
    EXPECT_TRUE(refuses(refused({"--publish=80:80"}), 125, "not holm's"));
    define_network("wire", "type = \"macvlan\"\ninterface = \"nowhere\"\n");
    EXPECT_TRUE(refuses(refused({}), 125, "nowhere"));
    sh(wire_goes);
}

// What the kernel of the small host has not.
using VmNetworkTypesTest = OnlyInVm<NetworkTest>;

TEST_F(VmNetworkTypesTest, AnIpvlanOfAnInterface)
{
    ASSERT_TRUE(succeeds(sh(router_comes)));
    define_network("wire", wire_of("ipvlan"));
    const std::string first = on("wire", serves), second = on("wire"), address = address_of(first);
    EXPECT_TRUE(address.starts_with("198.51.100.")) << address;
    EXPECT_EQ(inside(first, "cat /sys/class/net/eth0/address").out, content_of("/sys/class/net/to-server/address"));
    for (const char* there : {router, router6, server})
        EXPECT_TRUE(eventually([&] { return inside(first, fmt::format("ping -c 1 -W 5 {}", there)).code == 0; })) << there;
    EXPECT_TRUE(eventually([&] { return page(second, address) == first + "\n"; }));
    ASSERT_TRUE(succeeds(holmctl({"disconnect", "--runtime", first, "wire"})));
    EXPECT_EQ(inside(first, "ls /sys/class/net").out, "lo\n");
    ASSERT_TRUE(succeeds(holmctl({"connect", "--runtime", first, "wire"})));
    EXPECT_EQ(address_of(first), address) << "its lease";
    take_away(first), take_away(second);
    sh(wire_goes);

    const std::string machine = name("ipvlan");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[security]\ncapabilities = {{ add = [\"CAP_NET_RAW\"] }}\n"
                                "[[network]]\nnetwork = \"ipvlan:to-server\"\naddress = [\"192.0.2.9/24\"]\n",
                                busybox(), waits));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return inside(machine, fmt::format("ping -c 1 -W 5 {}", server)).code == 0; }));
}

// Bits per second of what comes through in two seconds or so.
TEST_F(NetworkTypesTest, RatesOfBothDirections)
{
    std::string machine = name("slow");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[[network]]\nnetwork = \"holm0\"\ningress = \"20M\"\negress = \"8M\"\n",
                                busybox(), waits));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    write_file(folder() + "/speed.py", R"(
import socket, sys, time
role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if role == 'take':
    listening = socket.create_server((host, port)); print('ready', flush=True)
    one, _ = listening.accept(); taken = len(one.recv(1 << 20)); start = time.monotonic()
    while part := one.recv(1 << 20): taken += len(part)
    print(int(taken * 8 / (time.monotonic() - start)))
else:
    one = socket.create_connection((host, port)); one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    until = time.monotonic() + 3
    while time.monotonic() < until: one.sendall(bytes(1 << 14))
)");
    const std::string within = in_network_of(machine), address = address_of(machine);
    auto speed = [&](const std::string& taker, const std::string& giver, const std::string& at) {
        return strtod(sh(fmt::format("{0} python3 {2}/speed.py take {3} 5201 >{2}/taken & taking=$!; "
                                     "until grep -q ready {2}/taken; do sleep 0.05; done; {1} python3 {2}/speed.py give {3} 5201; "
                                     "wait $taking; tail -n 1 {2}/taken",
                                     taker, giver, folder(), at))
                          .out.c_str(),
                      nullptr);
    };
    const double in = speed(within, "", address), out = speed("", within, "10.213.0.1");
    EXPECT_GT(in, 14e6);
    EXPECT_LT(in, 22e6);
    EXPECT_GT(out, 5.5e6);
    EXPECT_LT(out, 9e6);
    EXPECT_NE(sh("ls /sys/class/net | grep '^hi'").out, "");
    // A reboot from inside has the same, once.
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    ASSERT_TRUE(wait_for_state(machine, "running"));
    EXPECT_TRUE(eventually([] { return sh("ls /sys/class/net | grep -c '^hi'").out == "1\n"; }));
}

TEST_F(NetworkTypesTest, WhatAMachineMayAndMayNot)
{
    std::string other = on("holm0", serves), machine = name("ruled");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n"
                                "[security]\ncapabilities = {{ add = [\"CAP_NET_RAW\"] }}\n[[network]]\nnetwork = \"holm0\"\nallow = [\"in "
                                "tcp 80 from 192.0.2.0/24\"]\n"
                                "deny = [\"out any to 192.0.2.2\"]\npublish = [\"8080:80\", \"8081:81\"]\n",
                                busybox(), "hostname >/index.html; httpd -p 80 -h /; httpd -p 81 -h /; " + std::string(waits)));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        SCOPED_TRACE(fmt::format("bridge-nf-call-iptables {}", calls));
        EXPECT_TRUE(eventually([&] { return page_from("timeout 2 " + beyond, host_end, 8080) == machine + "\n"; }));
        EXPECT_EQ(page_from("timeout 2 " + beyond, host_end, 8081), "") << "published and not allowed";
        EXPECT_EQ(page(other, address_of(machine)), "") << "a sibling is not allowed";
        EXPECT_EQ(page(machine, address_of(other)), other + "\n") << "its own requests are answered";
        EXPECT_NE(inside(machine, fmt::format("ping -c 1 -W 1 {}", server)).code, 0) << "denied";
        EXPECT_TRUE(succeeds(inside(machine, "ping -c 1 -W 2 10.213.0.1")));
    }
    set_bridge_calls(1);
}

}  // namespace holm::test
