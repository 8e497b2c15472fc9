// Networks: addresses, names, the way out, published ports, the firewall; and that all of it goes with its last machine.
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "network_fixture.h"

namespace holm::test {

TEST_F(NetworkTest, AMachineHasAnAddressNamesAndAWayOut)
{
    std::string first = on("holm0"), second = on("holm0");
    EXPECT_TRUE(has(inside(first, "ip -4 route").out, "default via 10.213.0.1"));
    EXPECT_TRUE(has(inside(first, "ip -6 route").out, "default via fd"));
    EXPECT_EQ(inside(first, "ip -6 address show dev eth0 | grep -c tentative").out, "0\n");
    EXPECT_TRUE(has(inside(first, "cat /etc/resolv.conf").out, "nameserver 10.213.0.1"));
    EXPECT_TRUE(succeeds(inside(first, "ping -c 1 -W 2 10.213.0.1")));
    EXPECT_TRUE(succeeds(inside(first, fmt::format("ping -c 1 -W 2 {}", server)))) << "through masquerade: it has no route back";
    // The name service comes up beside the first machine.
    EXPECT_TRUE(eventually([&] { return inside(first, "ping -4 -c 1 -W 2 " + second).code == 0; }, 10s));
    EXPECT_TRUE(succeeds(inside(first, "ping -6 -c 1 -W 2 " + second + ".holm")));
    EXPECT_TRUE(has(holmctl({"list-networks"}).out, "10.213.0.0/16"));
    EXPECT_TRUE(has(holmctl({"network-status", "holm0"}).out, address_of(second)));
    EXPECT_TRUE(has(holmctl({"--json=short", "network-status", "holm0"}).out, "\"Addresses\""));
}

TEST_F(NetworkTest, WhatAnInterfaceCountsIsShown)
{
    std::string machine = on("holm0"), alone = background(waits, {"--network=none"}), shared = background(waits, {"--network=host"});
    ASSERT_TRUE(succeeds(inside(machine, "ping -c 3 -s 1000 -W 2 10.213.0.1")));
    const auto status = nlohmann::json::parse(holmctl({"--json=short", "status", machine}).out, nullptr, false);
    ASSERT_TRUE(status.is_object() && status["Interfaces"].is_array() && status["Interfaces"].size() == 1) << status;
    const auto& link = status["Interfaces"][0];
    EXPECT_EQ(link["Name"], "eth0");
    EXPECT_EQ(status["Addresses"][0], address_of(machine));
    for (const char* direction : {"Received", "Sent"}) {
        EXPECT_GE(link[direction]["Bytes"], 3000) << direction;
        EXPECT_GE(link[direction]["Packets"], 3) << direction;
        EXPECT_EQ(link[direction]["Dropped"], 0) << direction;
    }
    const std::string text = holmctl({"status", machine}).out;
    EXPECT_TRUE(has_words(text, {"Interface: eth0: in ", " packets, 0 dropped), out ", "Address: " + address_of(machine)})) << text;
    EXPECT_TRUE(has(holmctl({"--json=short", "status", alone}).out, "\"Interfaces\":[]"));
    EXPECT_FALSE(holmctl({"status", shared}).out.contains("Interface:")) << "the host's are not its own";
}

TEST_F(NetworkTest, WithoutANetworkItIsOnTheShippedOne)
{
    std::string machine = background(waits, {"--capability=CAP_NET_RAW"}), alone = background(waits, {"--network=none"});
    EXPECT_TRUE(has(inside(machine, "ip -4 route").out, "default via 10.213.0.1 dev eth0"));
    EXPECT_TRUE(has(inside(machine, "cat /etc/resolv.conf").out, "nameserver 10.213.0.1"));
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
    EXPECT_EQ(inside(alone, "ls /sys/class/net").out, "lo\n");
    make_folder("/etc/holm");
    write_file("/etc/holm/holm.toml", "[defaults]\nnetwork = \"none\"\n");
    EXPECT_TRUE(succeeds(holmctl({"reload"})));
    EXPECT_EQ(inside(background(waits), "ls /sys/class/net").out, "lo\n");
    sh("rm /etc/holm/holm.toml");
    EXPECT_TRUE(succeeds(holmctl({"reload"})));
}

TEST_F(NetworkTest, WithoutDnsmasqThereAreAddressesAndAWarning)
{
    sh("mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away");
    std::string machine = background(waits, {"--capability=CAP_NET_RAW"});
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
    EXPECT_EQ(inside(machine, "cat /etc/resolv.conf 2>/dev/null").out, "");
    EXPECT_TRUE(has(journal_of("holmd.service"), "install dnsmasq-base"));
    EXPECT_EQ(sh("systemctl is-active holm-network@holm0").out, "inactive\n");
    sh("mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq");
    take_away(machine);
    // It is served again from the next start on.
    machine = background(waits);
    EXPECT_TRUE(has(inside(machine, "cat /etc/resolv.conf").out, "nameserver 10.213.0.1"));
}

// The table is another's: none of the transactions goes through.
TEST_F(NetworkTest, AFirewallThatRefusesIsSaid)
{
    sh("mkfifo /run/owner; (echo 'add table inet holm { flags owner; }'; cat /run/owner) | nft -i >/dev/null & sleep 0.5");
    Outcome refused = holmctl({"run", "--rm", "--name=refused", "--root=" + busybox(), "--", "/bin/true"});
    EXPECT_TRUE(refuses(refused, 125, "firewall"));
    EXPECT_TRUE(succeeds(foreground({"/bin/true"}, {"--network=none"})));
    EXPECT_EQ(sh("ls /sys/class/net/ | grep holm; ls /run/holm/networks /run/holm/machines").out,
              "/run/holm/machines:\n\n/run/holm/networks:\n");
    sh("echo >/run/owner; rm /run/owner");
}

// Of three interfaces on three networks: of both families, and the MACs.
TEST_F(NetworkTest, AddressesStay)
{
    define_network("second", "subnets = [\"10.99.5.0/24\", \"auto\"]\n");
    define_network("third", "subnets = [\"10.99.6.0/24\"]\n");
    const std::string machine = on("third", waits, {"--network=holm0", "--network=second"});
    auto addresses = [&] {
        return inside(machine,
                      "ip -o address show scope global | sed 's/.*\\(eth[0-9]\\) *inet6* \\([^ ]*\\).*/\\1 \\2/' | sort; "
                      "cat /sys/class/net/eth*/address")
            .out;
    };
    const std::string before = addresses();
    EXPECT_TRUE(has_words(before, {"eth0 10.213.", "eth1 10.99.5.", "eth2 10.99.6.", "eth0 fd", "eth1 fd"})) << before;
    for (int i = 0; i < 20; i++) {
        ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        ASSERT_TRUE(wait_for_state(machine, "running"));
        ASSERT_EQ(addresses(), before) << i;
    }
    take_away(machine);
    sh("rm -r /etc/holm/networks/second.toml /etc/holm/networks/third.toml /var/lib/holm/networks/second /var/lib/holm/networks/third");
}

TEST_F(NetworkTest, PublishedPortsAnswerFromEverywhere)
{
    std::string client = on("holm0"), machine = on("holm0", serves, {"--publish=8080:80", "--publish=9000-9002:80-82"});
    const std::string expected = machine + "\n", outside = "ip netns exec server";
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        EXPECT_TRUE(eventually([&] { return page_from(outside, host_end, 8080) == expected; }, 5s)) << calls;
        EXPECT_EQ(page_from(outside, host_end, 9000), expected) << calls;
        EXPECT_EQ(page_from("", host_end, 8080), expected) << calls;
        EXPECT_EQ(page(client, host_end, 8080), expected) << calls;
        EXPECT_EQ(page(machine, host_end, 8080), expected) << calls;
        EXPECT_EQ(page(client, address_of(machine)), expected) << calls;
    }
    set_bridge_calls(1);
    // What is not published is not to be had from outside, also not by a route.
    sh(fmt::format("ip -n server route add 10.213.0.0/16 via {}", host_end));
    EXPECT_EQ(page_from("timeout 2 " + outside, address_of(machine), 80), "");
    Outcome refused =
        holmctl({"run", "--rm", "--name=refused", "--root=" + busybox(), "--network=holm0", "--publish=8080:81", "--", "/bin/true"});
    EXPECT_TRUE(refuses(refused, 125, machine));
}

TEST_F(NetworkTest, NetworksAreClosedToEachOther)
{
    define_network("other", "subnets = [\"10.99.1.0/24\"]\n");
    std::string first = on("holm0", serves), second = on("other", serves);
    EXPECT_EQ(page(first, address_of(second)), "");
    EXPECT_NE(inside(first, "ping -c 1 -W 1 10.99.1.1").code, 0) << "another network's gateway";
    EXPECT_TRUE(succeeds(inside(second, "ping -c 1 -W 2 10.99.1.1")));
    EXPECT_TRUE(succeeds(inside(second, fmt::format("ping -c 1 -W 2 {}", server))));
    take_away(second);
    sh("rm -r /etc/holm/networks/other.toml /var/lib/holm/networks/other");
}

TEST_F(NetworkTest, IsolatedMeansNoWayOut)
{
    define_network("closed", "subnets = [\"10.99.2.0/24\"]\nisolated = true\n");
    std::string first = on("closed", serves), second = on("closed");
    EXPECT_EQ(page(second, address_of(first)), first + "\n");
    EXPECT_NE(inside(first, fmt::format("ping -c 1 -W 1 {}", server)).code, 0);
    EXPECT_NE(inside(first, fmt::format("ping -c 1 -W 1 {}", host_end)).code, 0);
    take_away(first), take_away(second);
    sh("rm -r /etc/holm/networks/closed.toml /var/lib/holm/networks/closed");
}

TEST_F(NetworkTest, AForgedSenderIsDropped)
{
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        std::string machine = on("holm0", waits, {"--capability=CAP_NET_ADMIN"});
        ASSERT_TRUE(succeeds(inside(machine, "ping -c 1 -W 2 10.213.0.1")));
        EXPECT_NE(inside(machine, "ip address add 10.213.255.200/16 dev eth0 && ping -c 1 -W 1 -I 10.213.255.200 10.213.0.1").code, 0);
        EXPECT_NE(inside(machine, "ip link set eth0 address 02:00:00:00:00:99 && ping -c 1 -W 1 10.213.0.1").code, 0);
        take_away(machine);
    }
    set_bridge_calls(1);
}

TEST_F(NetworkTest, ItComesBackAfterAFlushAndADeadHolmd)
{
    std::string machine = on("holm0", serves, {"--publish=8080:80"});
    sh("nft flush ruleset");
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return page_from("ip netns exec server", host_end, 8080) == machine + "\n"; }, 10s));
    EXPECT_TRUE(succeeds(inside(machine, "ping -c 1 -W 2 10.213.0.1")));
}

TEST_F(NetworkTest, APoolThatIsFullIsSaid)
{
    define_network("small", "subnets = [\"10.99.3.0/28\"]\n");  // 16 less network, broadcast, gateway
    std::vector<std::string> machines(13);
    for (std::string& machine : machines) machine = name("small");
    std::vector<std::jthread> starts;
    std::string root = getenv("HOLM_BUSYBOX");
    for (const std::string& machine : machines)
        starts.emplace_back([&] {
            holmctl({"run", "--detach", "--rm", "--name=" + machine, "--lower=" + root, "--ephemeral", "--network=small", "--", "/bin/sh",
                     "-c", waits});
        });
    starts.clear();
    std::set<std::string> addresses;
    for (const std::string& machine : machines) addresses.insert(address_of(machine));
    EXPECT_EQ(addresses.size(), 13u);
    Outcome refused = holmctl({"run", "--rm", "--name=refused", "--lower=" + root, "--ephemeral", "--network=small", "--", "/bin/true"});
    EXPECT_TRUE(refuses(refused, 125, "is full"));
    for (const std::string& machine : machines) take_away(machine);
    sh("rm -r /etc/holm/networks/small.toml /var/lib/holm/networks/small");
}

TEST_F(NetworkTest, BadInputIsRefused)
{
    std::string root = busybox();
    auto run_on = [&](const std::string& network, const std::string& more = "") {
        std::vector<std::string> arguments = {"run", "--rm", "--name=refused", "--root=" + root, "--network=" + network};
        if (!more.empty()) arguments.push_back(more);
        arguments.insert(arguments.end(), {"--", "/bin/true"});
        return holmctl(arguments);
    };
    EXPECT_TRUE(refuses(run_on("hlom0"), 125, "holm0"));
    struct Bad {
        const char* toml;
        const char* noun;
    };
    for (const Bad& bad :
         {Bad{"subnets = [\"10.99.4.0/33\"]\n", "10.99.4.0/33"},
          Bad{"subnets = [\"10.99.4.0/24\", \"10.99.4.128/25\"]\n", "10.99.4.128/25"}, Bad{"subnets = [\"192.0.2.0/24\"]\n", "to-server"},
          Bad{"subnet = []\n", "subnets"}, Bad{"type = \"macvlan\"\n", "type"}}) {
        define_network("bad", bad.toml);
        EXPECT_TRUE(refuses(run_on("bad"), 125, bad.noun)) << bad.toml;
    }
    sh("rm -f /etc/holm/networks/bad.toml; rm -rf /var/lib/holm/networks/bad");
    std::string machine = name();
    for (const Bad& bad : {Bad{"address = [\"10.213.0.1\"]", "10.213.0.1"}, Bad{"address = [\"10.1.0.5\"]", "10.1.0.5"},
                           Bad{"aliases = [\"a\\nb\"]", "aliases"}}) {
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\n[[network]]\nnetwork = \"holm0\"\n{}\n",
                                    root, bad.toml));
        EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, bad.noun)) << bad.toml;
    }
}

}  // namespace holm::test
