// What a machine cannot do to its network, and what others cannot do to holm's: with bridge-nf-call-iptables 0 and 1.
#include <set>
#include <thread>

#include "network_fixture.h"

namespace holm::test {

class NetworkGuardTest : public NetworkTest {
protected:
    static constexpr const char* forger = R"(
import socket, struct, sys
what, peer_mac, own_mac, own, peer, gateway6 = sys.argv[1:7]
mac = lambda text: bytes.fromhex(text.replace(':', ''))
v4, v6 = (lambda text: socket.inet_aton(text)), (lambda text: socket.inet_pton(socket.AF_INET6, text))
def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def icmp6(source, target, body):
    pseudo = source + target + struct.pack('!II', len(body), 58)
    body = body[:2] + struct.pack('!H', checksum(pseudo + body)) + body[4:]
    return struct.pack('!IHBB', 6 << 28, len(body), 58, 255) + source + target + body
def arp(sender_mac, sender, target): return struct.pack('!HHBBH', 1, 0x0800, 6, 4, 2) + sender_mac + v4(sender) + mac(peer_mac) + v4(target)
everyone6 = v6('ff02::1')
link_local = v6('fe80::1234')
frames = {
    'mac': (mac('02:00:00:00:00:99'), 0x0800, None),
    'arp': (mac(own_mac), 0x0806, arp(mac(own_mac), '10.213.0.1', peer)),
    'arp-mac': (mac(own_mac), 0x0806, arp(mac('02:00:00:00:00:99'), own, peer)),
    'ra': (mac(own_mac), 0x86dd, icmp6(v6('fe80::1'), everyone6, struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0))),
    'na': (mac(own_mac), 0x86dd, icmp6(v6(gateway6), everyone6, struct.pack('!BBHI', 136, 0, 0, 0x20000000) + v6(gateway6) + b'\x02\x01' + mac(own_mac))),
    'dhcp': (mac(own_mac), 0x0800, 'dhcp'),
    'vlan': (mac(own_mac), 0x8100, b'\0\x05\x08\0' + b'\0' * 46),
    'ip': (mac(own_mac), 0x0800, 'ip'),
}
sender, kind, body = frames[what]
def udp4(source, target, sport, dport):
    payload = struct.pack('!HHHH', sport, dport, 16, 0) + b'x' * 8
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0) + v4(source) + v4(target)
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + payload
if body is None: body = udp4(own, peer, 4000, 4001)
if body == 'dhcp': body = udp4(own, peer, 67, 68)
if body == 'ip': body = udp4('10.213.77.77', peer, 4000, 4001)
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(('eth0', 0))
raw.send(mac(peer_mac) + sender + struct.pack('!H', kind) + body)
)";
    static uint64_t dropped(const std::string& counter)
    {
        const std::string text = sh("nft list counter bridge holm " + counter).out;
        const size_t at = text.find("packets ");
        return at == text.npos ? 0 : strtoull(text.c_str() + at + 8, nullptr, 10);
    }
    static std::string word_of(const std::string& machine, const std::string& script)
    {
        return std::string(trim(inside(machine, script).out));
    }
};

TEST_F(NetworkGuardTest, EveryForgedFrameIsDroppedAndCounted)
{
    std::string victim = on("holm0"), forging = on("holm0");
    write_file(folder() + "/forge.py", forger);
    const char* own_mac = "cat /sys/class/net/eth0/address";
    const std::string gateway6 = word_of(forging, "ip -6 route show default | sed -n 's/.*via \\(fd[^ ]*\\) .*/\\1/p'");
    const std::string routes = sh("ip -6 route show default; ip -6 neigh show " + gateway6).out;
    auto forge = [&](const std::string& what) {
        return sh(fmt::format("{} python3 {}/forge.py {} {} {} {} {} {}", in_network_of(forging), folder(), what, word_of(victim, own_mac),
                              word_of(forging, own_mac), address_of(forging), address_of(victim), gateway6));
    };
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        SCOPED_TRACE(fmt::format("bridge-nf-call-iptables {}", calls));
        for (auto [what, counter] :
             {std::pair{"mac", "mac"}, std::pair{"arp", "arp_source"}, std::pair{"arp-mac", "mac"}, std::pair{"ip", "ip_source"},
              std::pair{"ra", "router"}, std::pair{"na", "neighbour"}, std::pair{"dhcp", "dhcp_server"}, std::pair{"vlan", "protocol"}}) {
            const uint64_t before = dropped(counter);
            EXPECT_TRUE(succeeds(forge(what))) << what;
            EXPECT_EQ(dropped(counter), before + 1) << what;
        }
        EXPECT_TRUE(has(holmctl({"network-status", "holm0"}).out, fmt::format("arp_source {}", dropped("arp_source"))));
        EXPECT_TRUE(succeeds(inside(victim, "ping -c 1 -W 2 10.213.0.1"))) << "and the rest goes through";
        EXPECT_TRUE(succeeds(inside(forging, "ping -c 1 -W 2 " + address_of(victim))));
    }
    set_bridge_calls(1);
    EXPECT_EQ(sh("cat /proc/sys/net/ipv6/conf/holm0/accept_ra").out, "0\n");
    EXPECT_EQ(sh("ip -6 route show default; ip -6 neigh show " + gateway6).out, routes) << "the host has learned nothing";
}

TEST_F(NetworkGuardTest, IsolatedMeansNoNamesEither)
{
    define_network("closed", "subnets = [\"10.99.2.0/24\"]\nisolated = true\n");
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        std::string first = on("closed", serves), second = on("closed"), outside = on("holm0", serves);
        EXPECT_TRUE(eventually([&] { return inside(second, "nslookup " + first + ".holm 10.99.2.1").code == 0; }, 10s));
        EXPECT_NE(inside(second, "nslookup example.org 10.99.2.1").code, 0);
        EXPECT_NE(inside(second, "nslookup example.org 10.213.0.1").code, 0);
        EXPECT_EQ(page(second, address_of(outside)), "");
        EXPECT_EQ(page(outside, address_of(first)), "");
        sh("python3 -m http.server 8099 --bind 0.0.0.0 >/dev/null 2>&1 & echo $! >/run/host-server; sleep 0.5");
        EXPECT_EQ(sh("timeout 2 bash -c 'echo >/dev/tcp/127.0.0.1/8099' && echo open").out, "open\n");
        for (const char* address : {"10.99.2.1", host_end})
            EXPECT_NE(inside(second, fmt::format("nc -w 1 {} 8099 </dev/null", address)).code, 0) << "a port of the host at " << address;
        sh("kill $(cat /run/host-server); rm /run/host-server");
        for (const std::string& machine : {first, second, outside}) take_away(machine);
    }
    set_bridge_calls(1);
    sh("rm -r /etc/holm/networks/closed.toml /var/lib/holm/networks/closed");
}

TEST_F(NetworkGuardTest, WhatAFlushTakesAwayIsThereAtOnce)
{
    std::string machine = on("holm0", serves, {"--publish=8080:80"}), dead = on("holm0", serves, {"--publish=8081:80"});
    take_away(dead);
    const std::string rules = sh("nft -s list ruleset").out;
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        sh("nft flush ruleset");
        EXPECT_TRUE(eventually([&] { return sh("nft -s list ruleset").out == rules; }, 3s)) << sh("nft -s list ruleset").out;
        EXPECT_EQ(page_from(beyond, host_end, 8080), machine + "\n");
        // Somebody else's reload brings its own back, and ours stays beside it.
        sh("nft -f - <<'E'\nflush ruleset\ntable inet other { chain c { type filter hook forward priority 0; }; }\nE");
        EXPECT_TRUE(eventually([&] { return has_words(sh("nft list tables").out, {"inet other", "inet holm", "bridge holm"}); }, 3s));
        sh("nft delete table inet other");
        EXPECT_TRUE(eventually([&] { return sh("nft -s list ruleset").out == rules; }, 3s));
    }
    set_bridge_calls(1);
}

TEST_F(NetworkGuardTest, ABridgeThatIsDeletedIsMadeAnew)
{
    std::string first = on("holm0", serves), second = on("holm0", serves, {"--publish=8080:80"});
    EXPECT_TRUE(eventually([&] { return inside(first, "nslookup " + second + ".holm 10.213.0.1").code == 0; }, 10s));
    sh("ip link delete holm0");
    EXPECT_TRUE(eventually([&] { return page(first, address_of(second)) == second + "\n"; }, 5s));
    EXPECT_EQ(page_from(beyond, host_end, 8080), second + "\n");
    EXPECT_EQ(page(second, host_end, 8080), second + "\n") << "itself";
    EXPECT_TRUE(eventually([&] { return inside(first, "nslookup " + second + ".holm 10.213.0.1").code == 0; }, 10s));
}

// A network that begins has its files before its bridge, and one that ends at that moment has just told that its bridge is gone.
TEST_F(NetworkGuardTest, ANetworkThatIsBeingChangedIsNoLoss)
{
    std::string machine = on("holm0", serves), other = on("holm0");
    auto losses = [] {
        const std::string journal = journal_of("holmd.service");
        const std::string_view said = "others have taken the bridge of holm0 away";
        int times = 0;
        for (size_t at = 0; (at = journal.find(said, at)) != std::string::npos; at += said.size()) ++times;
        return times;
    };
    const int before = losses();
    ASSERT_TRUE(
        succeeds(sh("flock /run/holm/networks.lock bash -c 'alias=$(</sys/class/net/holm0/ifalias); ip link delete holm0; sleep 0.5; "
                    "ip link add holm0 type bridge; ip link set holm0 alias \"$alias\"'")));
    sleep_for(500ms);
    EXPECT_EQ(losses(), before);
    sh("ip link delete holm0");
    EXPECT_TRUE(eventually([&] { return page(other, address_of(machine)) == machine + "\n"; }, 5s));
    EXPECT_EQ(losses(), before + 1);
}

TEST_F(NetworkGuardTest, ADeadNameServiceComesBack)
{
    std::string first = on("holm0"), second = on("holm0");
    auto resolves = [&] { return inside(first, "nslookup " + second + ".holm 10.213.0.1").code == 0; };
    EXPECT_TRUE(eventually(resolves, 10s));
    EXPECT_EQ(sh("grep -e tftp -e script -e pxe /run/holm/networks/holm0/dnsmasq.conf; ss -Hulpn sport = :69").out, "");
    EXPECT_EQ(sh("ss -Hulpn | grep -F dnsmasq | awk '{print $4}' | grep -v -e '%holm0:' -e '^10\\.213\\.' -e '^\\[fd'").out, "")
        << "it listens on its bridge alone";
    sh("systemctl kill -s KILL holm-network@holm0");
    EXPECT_TRUE(succeeds(inside(first, "ping -c 1 -W 2 " + address_of(second)))) << "traffic goes on";
    EXPECT_TRUE(eventually(resolves, 5s));
    EXPECT_EQ(sh("ps -o user= -p $(systemctl show -P MainPID holm-network@holm0)").out.substr(0, 8), "holm-net");
}

// 64 less network, broadcast and gateway.
TEST_F(NetworkGuardTest, SixtyOneOfASmallPool)
{
    define_network("small", "subnets = [\"10.99.3.0/26\"]\ndns = false\ndhcp = false\n");
    const int wanted = 61;
    std::vector<std::string> machines(wanted);
    for (std::string& machine : machines) machine = name("small");
    const std::string root = getenv("HOLM_BUSYBOX");
    auto start = [&](const std::string& machine) {
        return holmctl({"run", "--detach", "--rm", "--name=" + machine, "--lower=" + root, "--ephemeral", "--network=small", "--",
                        "/bin/sh", "-c", waits});
    };
    {
        const size_t at_once = count(wanted, 12);
        std::vector<std::jthread> starts;
        for (size_t worker = 0; worker < at_once; ++worker)
            starts.emplace_back([&, worker] {
                for (size_t i = worker; i < machines.size(); i += at_once) EXPECT_TRUE(succeeds(start(machines[i])));
            });
    }
    std::set<std::string> addresses;
    for (const std::string& line : lines_of(sh("grep -h addresses /var/lib/holm/networks/small/*.lease").out)) addresses.insert(line);
    EXPECT_EQ(addresses.size(), static_cast<size_t>(wanted));
    EXPECT_TRUE(refuses(start(name("small")), 125, "is full"));
    for (const std::string& machine : machines) take_away(machine);
    sh("rm -r /etc/holm/networks/small.toml /var/lib/holm/networks/small");
}

// An accept of ours is none of another table's: who drops is named.
TEST_F(NetworkGuardTest, WhoElseDropsIsNamed)
{
    std::string machine = on("holm0");
    auto status = [] { return holmctl({"network-status", "holm0"}).out; };
    auto doctor = [] { return holmctl({"doctor", "--no-legend"}).out; };
    ASSERT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
    EXPECT_FALSE(status().contains("Warning")) << status();
    struct Foreign {
        const char* rules;
        const char* named;
    };
    for (const Foreign& foreign :
         {Foreign{"chain onward { type filter hook forward priority 10; policy drop; }", "inet foreign onward (policy drop)"},
          Foreign{"chain onward { type filter hook forward priority 10; iifname \"holm0\" counter drop; }", "inet foreign onward (drop)"},
          Foreign{"chain leaving { ip saddr 10.0.0.0/8 reject; }\nchain onward { type filter hook forward priority 10; jump leaving; }",
                  "inet foreign leaving (reject)"}}) {
        ASSERT_TRUE(succeeds(sh(fmt::format("nft -f - <<'E'\ntable inet foreign {{\n{}\n}}\nE", foreign.rules))));
        EXPECT_NE(inside(machine, fmt::format("ping -c 1 -W 1 {}", server)).code, 0) << foreign.rules;
        EXPECT_TRUE(has(status(), foreign.named));
        EXPECT_TRUE(has(doctor(), foreign.named));
        EXPECT_TRUE(has(holmctl({"--json=short", "network-status", "holm0"}).out, fmt::format("\"DroppedBy\":[\"{}\"]", foreign.named)));
        sh("nft delete table inet foreign");
    }
    ASSERT_TRUE(
        succeeds(sh("nft add table inet foreign && nft add chain inet foreign onward '{ type filter hook forward priority 10; }' && "
                    "nft add rule inet foreign onward iifname nosuch0 drop && nft add rule inet foreign onward ct state invalid drop")));
    EXPECT_FALSE(status().contains("Warning")) << "it is about others: " << status();
    sh("nft delete table inet foreign");
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
}

// A guest that asks gets what it has.
TEST_F(NetworkGuardTest, ByDhcpAGuestGetsTheSameAddress)
{
    std::string root = debian();
    write_file(root + "/etc/systemd/network/all.network", "[Match]\nName=eth0\n[Network]\nDHCP=yes\nIPv6AcceptRA=yes\n");
    sh(fmt::format("ln -s /lib/systemd/system/systemd-networkd.service {}/etc/systemd/system/multi-user.target.wants/", root));
    std::string machine = name("deb");
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--boot", "--name=" + machine, "--root=" + root})));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    const std::string leases = sh(fmt::format("cat /var/lib/holm/networks/holm0/{}@eth0.lease", machine)).out;
    auto addresses = [&] { return lines_of(inside(machine, "ip -o address show dev eth0 scope global").out); };
    auto by_dhcp = [&] { return has_words(inside(machine, "networkctl status eth0").out, {"(DHCP4 via 10.213.0.1)"}); };
    EXPECT_TRUE(eventually(by_dhcp, 20s)) << inside(machine, "networkctl status eth0").out;
    for (const std::string& line : addresses()) {
        const std::string address(split(std::string_view(line).substr(line.find("inet")), ' ')[1]);
        EXPECT_TRUE(has(leases, address.substr(0, address.find('/')))) << line;
    }
    EXPECT_TRUE(succeeds(inside(machine, fmt::format("ping -c 1 -W 2 {}", server))));
}

}  // namespace holm::test
