// A network over several hosts: this one and throw-away hosts within it, joined by a wire. Their machines are on one network, by static
// peers, by a file of peers, and by BGP EVPN.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "base/text.h"
#include "network_fixture.h"

namespace holm::test {

namespace {

constexpr const char* host_program = "/source/tests/host/host";

// Says and hears datagrams and bytes, in the network namespace of a machine.
constexpr const char* talk_program = R"(
import socket, sys, time
role, kind, address, port, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
if role == 'forge':
    one = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    one.sendto(b'holm-names 1 ' + address.encode() + b' 1 0 1 -\n10.77.0.99 bank.holm\n', ('eth0', 0x88b5, 0, 0, b'\xff' * 6))
elif kind == 'tcp' and role == 'hear':
    listening = socket.create_server(('', port)); print('ready', flush=True); listening.settimeout(10)
    one, _ = listening.accept(); taken = 0
    while part := one.recv(1 << 16): taken += len(part)
    print(taken)
elif kind == 'tcp':
    with socket.create_connection((address, port), 10) as one: one.sendall(bytes(size))
elif role == 'hear':
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('', port)); print('ready', flush=True)
    one.settimeout(2); heard = []
    try:
        while True: heard.append(len(one.recv(65535)))
    except TimeoutError: print(*heard)
else:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); one.setsockopt(socket.IPPROTO_IP, 10, 2)
    one.sendto(bytes(size), (address, port))
)";

}  // namespace

class VxlanTest : public SystemTest {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        if (!getenv("HOLM_STAGE")) GTEST_SKIP() << "hosts within this one need the files of holm as installed";
    }
    // Number 0 is this one, at 192.0.2.1.
    void begin(int count)
    {
        make_folder(folder() + "/shared");
        write_file(folder() + "/shared/talk.py", talk_program);
        ASSERT_TRUE(succeeds(sh("ip link add wire type bridge && ip link set wire up && ip address add 192.0.2.1/24 dev wire")));
        for (int i = 1; i < count; ++i) ASSERT_NO_FATAL_FAILURE(add_host(i));
        hosts_ = count;
    }
    void TearDown() override
    {
        sh("systemctl stop test-bgpd test-zebra; systemctl reset-failed test-bgpd test-zebra; rm -rf /run/frr/*");
        for (const char* machine : {"near", "far"}) take_away(machine);
        for (int i = 1; i < hosts_; ++i) run({host_program, "down", place(i)});
        sh("ip link delete wire; rm -rf /etc/holm/networks/lan.toml /var/lib/holm/networks/lan");
        SystemTest::TearDown();
    }

    static Outcome at(int host, const std::string& script, milliseconds timeout = 60s)
    {
        if (host == 0) return sh(script, timeout);
        return run({host_program, "sh", places_[host], "/bin/bash", "-c", script}, {}, timeout);
    }
    // The definition of the network on all hosts: `vxlan` with "LOCAL" for the host's own address.
    void define_everywhere(const std::string& vxlan)
    {
        for (int i = 0; i < hosts_; ++i) {
            std::string own = vxlan;
            if (size_t word = own.find("LOCAL"); word != own.npos) own.replace(word, 5, fmt::format("192.0.2.{}", i + 1));
            const std::string text = fmt::format("type = \"vxlan\"\nsubnets = [\"10.77.0.0/16\"]\n[vxlan]\nid = 88\n{}", own);
            ASSERT_TRUE(succeeds(at(i, fmt::format("mkdir -p /etc/holm/networks && cat >/etc/holm/networks/lan.toml <<'E'\n{}\nE", text))));
        }
    }
    static void start(int host, const std::string& machine, const std::string& address)
    {
        ASSERT_TRUE(succeeds(at(host, fmt::format("mkdir -p /etc/holm/machines && cat >/etc/holm/machines/{0}.toml <<'E'\n"
                                                  "[root]\nlower = [\"/guest/busybox\"]\nmode = \"ephemeral\"\n"
                                                  "[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{2}\"]\n"
                                                  "[security]\ncapabilities = {{ add = [\"CAP_NET_RAW\"] }}\n"
                                                  "[[network]]\nnetwork = \"lan\"\naddress = [\"{1}\"]\nE\nholmctl start {0}",
                                                  machine, address, waits))));
    }
    static void stop(int host, const std::string& machine)
    {
        ASSERT_TRUE(
            succeeds(at(host, fmt::format("holmctl terminate {0}; holmctl wait {0} stopped; rm /etc/holm/machines/{0}.toml", machine))));
    }
    static Outcome in(int host, const std::string& machine, const std::string& script)
    {
        return at(host, fmt::format("holmctl exec {} -- /bin/sh -c '{}'", machine, script), 20s);
    }
    static bool reaches(int host, const std::string& machine, const std::string& other)
    {
        return in(host, machine, "ping -c 1 -W 1 " + other).code == 0;
    }
    std::string talk(int host, const std::string& machine, const std::string& words)
    {
        const std::string file = host == 0 ? folder() + "/shared/talk.py" : "/shared/talk.py";
        return fmt::format("nsenter -t $(machinectl show -p Leader --value {}) -n python3 {} {}", machine, file, words);
    }
    // What `hearer` hears of what `sayer` says.
    std::string heard(int hearer, const std::string& machine, int sayer, const std::string& other, const std::string& what)
    {
        Process process(host_argv(hearer, talk(hearer, machine, "hear " + what)));
        EXPECT_TRUE(process.expect("ready"));
        EXPECT_TRUE(succeeds(at(sayer, talk(sayer, other, "say " + what))));
        return std::string(trim(process.wait().out.substr(process.out().find("ready") + 5)));
    }
    static std::vector<std::string> host_argv(int host, const std::string& script)
    {
        if (host == 0) return {"/bin/bash", "-c", script};
        return {host_program, "sh", places_[host], "/bin/bash", "-c", script};
    }
    static std::string peers_of(int host)
    {
        return at(host, "bridge fdb show dev vx-lan | sed -n 's/^00:00:00:00:00:00 dst \\([^ ]*\\).*/\\1/p' | sort | tr '\\n' ' '").out;
    }
    // FRR as the snippet has it, with `neighbours` where it says that they belong.
    void speak_bgp()
    {
        for (int i = 0; i < hosts_; ++i) {
            std::string neighbours;
            for (int other = 0; other < hosts_; ++other)
                if (other != i) neighbours += fmt::format(" neighbor 192.0.2.{} peer-group holm\\n", other + 1);
            ASSERT_TRUE(
                succeeds(at(i, fmt::format("mkdir -p /etc/frr /run/frr && chown frr:frr /run/frr && : >/etc/frr/zebra.conf && "
                                           "holmctl network-status lan --frr | sed 's/^ ! neighbor ADDRESS.*/{}/' >/etc/frr/bgpd.conf && "
                                           "grep -q 192.0.2 /etc/frr/bgpd.conf && "
                                           "systemd-run -q --unit=test-zebra /usr/lib/frr/zebra -f /etc/frr/zebra.conf && "
                                           "until [ -S /run/frr/zserv.api ]; do sleep 0.1; done && "
                                           "systemd-run -q --unit=test-bgpd /usr/lib/frr/bgpd -f /etc/frr/bgpd.conf",
                                           neighbours))));
        }
    }

private:
    std::string place(int number) { return fmt::format("{}/host{}", folder(), number); }
    void add_host(int number)
    {
        places_[number] = place(number);
        ASSERT_TRUE(succeeds(run({host_program, "up", place(number), "--install=" + std::string(getenv("HOLM_STAGE")), "--share=/guest",
                                  "--share=" + folder() + "/shared:/shared"},
                                 {}, 120s)));
        const std::string pid = content_of(place(number) + "/leader"), other = fmt::format("wire{}", number);
        ASSERT_TRUE(succeeds(sh(fmt::format("ip link add {0} type veth peer name up0 netns {1} && ip link set {0} master wire up", other,
                                            pid.substr(0, pid.find(' '))))));
        ASSERT_TRUE(succeeds(at(number, fmt::format("ip address add 192.0.2.{}/24 dev up0 && ip link set up0 up", number + 1))));
    }

    static inline std::array<std::string, 3> places_;
    int hosts_ = 0;
};

TEST_F(VxlanTest, MachinesOfTwoHostsByNameAndAddress)
{
    ASSERT_NO_FATAL_FAILURE(begin(2));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("peers = [\"192.0.2.1\", \"192.0.2.2\"]"));
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_NO_FATAL_FAILURE(start(1, "far", "10.77.0.20"));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }));
    EXPECT_EQ(in(1, "far", "cat /sys/class/net/eth0/mtu").out, "1450\n");
    EXPECT_EQ(peers_of(0), "192.0.2.2 ");
    EXPECT_EQ(peers_of(1), "192.0.2.1 ");
    EXPECT_EQ(heard(1, "far", 0, "near", "tcp 10.77.0.20 7000 1048576"), "1048576");
    EXPECT_EQ(heard(0, "near", 1, "far", "udp 10.77.0.10 7000 1400"), "1400") << "with no leave to cut it";
    for (const char* name : {"far", "far.holm"}) EXPECT_TRUE(eventually([&] { return reaches(0, "near", name); })) << name;
    EXPECT_TRUE(eventually([] { return reaches(1, "far", "near"); }));
    EXPECT_TRUE(has(at(0, "holmctl network-status lan").out, "192.0.2.2"));

    // Only hosts are heard about names.
    EXPECT_TRUE(succeeds(at(0, talk(0, "near", "forge - 192.0.2.99 0 0"))));
    EXPECT_TRUE(eventually([] { return !at(0, "nft list counter bridge holm protocol").out.contains("packets 0 "); }));
    sleep_for(200ms);
    for (int host : {0, 1}) EXPECT_FALSE(at(host, "ls /run/holm/networks/lan/peers").out.contains("192.0.2.99")) << host;

    // The gateway is each host's own, though it has the same address, and no host answers the other's DHCP or advertises its router.
    EXPECT_TRUE(reaches(0, "near", "10.77.0.1"));
    EXPECT_EQ(in(0, "near", "ip neigh show 10.77.0.1 | sed \"s/.*lladdr \\([^ ]*\\).*/\\1/\"").out,
              at(0, "cat /sys/class/net/holm-lan/address").out);
    EXPECT_EQ(in(1, "far", "ping -c 1 -W 1 10.77.0.1 >/dev/null; ip neigh show 10.77.0.1 | sed \"s/.*lladdr \\([^ ]*\\).*/\\1/\"").out,
              at(1, "cat /sys/class/net/holm-lan/address").out);

    // A name goes with its machine, and holmd's death changes nothing.
    at(1, "kill -9 $(systemctl show -P MainPID holmd.service)");
    EXPECT_TRUE(reaches(0, "near", "far"));
    EXPECT_TRUE(eventually([] { return at(1, "holmctl list").code == 0; }));
    ASSERT_NO_FATAL_FAILURE(stop(1, "far"));
    EXPECT_TRUE(eventually([] { return in(0, "near", "nslookup far.holm").code != 0; }));
    EXPECT_TRUE(eventually([] { return at(1, "ls /sys/class/net").out == "lo\nup0\n"; })) << at(1, "ls /sys/class/net").out;
    ASSERT_NO_FATAL_FAILURE(start(0, "far", "10.77.0.20"));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }, 5s)) << "it has moved";
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "far"); }));
}

// What is not flooded reaches a machine whose place was announced, and no other.
TEST_F(VxlanTest, AMachineIsReachedWithoutFlooding)
{
    ASSERT_NO_FATAL_FAILURE(begin(2));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("peers = [\"192.0.2.1\", \"192.0.2.2\"]"));
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_NO_FATAL_FAILURE(start(1, "far", "10.77.0.20"));
    auto told = [](int host) {
        return at(host, "bridge fdb show dev vx-lan | grep extern_learn; ip neigh show dev holm-lan | grep extern_learn").out;
    };
    auto has_words = [](const std::string& text, std::initializer_list<std::string_view> words) {
        return std::ranges::all_of(words, [&](std::string_view word) { return text.contains(word); });
    };
    const std::string mac = std::string(trim(in(1, "far", "cat /sys/class/net/eth0/address").out));
    EXPECT_TRUE(eventually([&] { return has_words(told(0), {mac + " dst 192.0.2.2", "10.77.0.20 lladdr " + mac}); }, 60s)) << told(0);
    EXPECT_TRUE(eventually([&] { return has_words(told(1), {"dst 192.0.2.1", "10.77.0.10 lladdr"}); }, 60s)) << told(1);

    auto flood = [](const char* change) {
        for (int host : {0, 1})
            ASSERT_TRUE(succeeds(at(host, fmt::format("bridge fdb {} 00:00:00:00:00:00 dev vx-lan dst 192.0.2.{}", change, 2 - host))));
    };
    ASSERT_NO_FATAL_FAILURE(flood("del"));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }, 60s)) << "its first frame, and the ARP before it";
    EXPECT_FALSE(reaches(0, "near", "10.77.0.99"));
    ASSERT_NO_FATAL_FAILURE(flood("append"));

    // Somebody takes an entry away, and at last the machine goes.
    at(0, fmt::format("bridge fdb del {} dev vx-lan dst 192.0.2.2 self; ip neigh del 10.77.0.20 dev holm-lan", mac));
    EXPECT_TRUE(eventually([&] { return has_words(told(0), {mac + " dst 192.0.2.2", "10.77.0.20 lladdr " + mac}); }, 60s)) << told(0);
    ASSERT_NO_FATAL_FAILURE(stop(1, "far"));
    EXPECT_TRUE(eventually([&] { return told(0).empty(); }, 60s)) << told(0);
}

TEST_F(VxlanTest, PeersOfAFileThatChanges)
{
    ASSERT_NO_FATAL_FAILURE(begin(2));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("local = \"LOCAL\"\npeers_file = \"/etc/peers/lan\""));
    for (int host : {0, 1}) at(host, "mkdir -p /etc/peers; echo 192.0.2.1 >/etc/peers/lan");
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_NO_FATAL_FAILURE(start(1, "far", "10.77.0.20"));
    EXPECT_EQ(peers_of(0), "");
    EXPECT_EQ(peers_of(1), "192.0.2.1 ");
    at(0, "printf '# from a template\\n192.0.2.1\\n192.0.2.2\\n' >/etc/peers/new && mv /etc/peers/new /etc/peers/lan");
    EXPECT_TRUE(eventually([] { return peers_of(0) == "192.0.2.2 "; }));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "far"); }));
    at(0, "echo nonsense >/etc/peers/lan");
    EXPECT_TRUE(eventually([] { return at(0, "holmctl network-status lan").out.contains("/etc/peers/lan:1: 'nonsense'"); }));
    EXPECT_EQ(peers_of(0), "192.0.2.2 ") << "the last good ones stay";
    at(0, "kill -9 $(systemctl show -P MainPID holmd.service); rm /etc/peers/lan");
    EXPECT_TRUE(eventually([] { return at(0, "holmctl network-status lan").out.contains("No such file"); }));
    EXPECT_EQ(peers_of(0), "192.0.2.2 ");
    at(0, "echo 192.0.2.77 >/etc/peers/lan");
    EXPECT_TRUE(eventually([] { return peers_of(0) == "192.0.2.77 "; }));
    EXPECT_FALSE(at(0, "holmctl network-status lan").out.contains("Problem"));
    at(0, "rm -r /etc/peers");
}

// Another host of the underlay that speaks VXLAN with the right id, and that nobody has called a peer.
TEST_F(VxlanTest, WhoIsNoPeerIsNotHeard)
{
    ASSERT_NO_FATAL_FAILURE(begin(2));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("local = \"LOCAL\"\npeers_file = \"/etc/peers/lan\""));
    for (int host : {0, 1}) at(host, "mkdir -p /etc/peers; printf '192.0.2.1\\n192.0.2.2\\n' >/etc/peers/lan");
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_TRUE(succeeds(at(1,
                            "ip link add vx-own type vxlan id 88 dstport 4789 local 192.0.2.2 remote 192.0.2.1 && "
                            "ip address add 10.77.0.66/16 dev vx-own && ip link set vx-own up")));
    auto answers = [] { return at(1, "ping -c 1 -W 1 -I vx-own 10.77.0.10").code == 0; };
    auto count = [] { return at(0, "nft list counter inet holm stranger | grep -o 'packets [0-9]*'").out; };
    EXPECT_TRUE(eventually(answers)) << "it is a peer";
    EXPECT_EQ(count(), "packets 0\n");
    at(0, "echo 192.0.2.1 >/etc/peers/lan");
    EXPECT_TRUE(eventually([&] { return !answers(); }));
    EXPECT_NE(count(), "packets 0\n");
    at(0, "nft flush ruleset");
    EXPECT_TRUE(eventually([] { return at(0, "nft list table inet holm").code == 0; }));
    EXPECT_FALSE(answers()) << "nor after a flush";
    at(0, "printf '192.0.2.1\\n192.0.2.2\\n' >/etc/peers/lan");
    EXPECT_TRUE(eventually(answers)) << "it is a peer again";
    for (int host : {0, 1}) at(host, "rm -r /etc/peers");
}

TEST_F(VxlanTest, OverIPv6)
{
    ASSERT_NO_FATAL_FAILURE(begin(2));
    ASSERT_TRUE(succeeds(at(0, "ip address add 2001:db8:77::1/64 dev wire nodad")));
    ASSERT_TRUE(succeeds(at(1, "ip address add 2001:db8:77::2/64 dev up0 nodad")));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("peers = [\"2001:db8:77::1\", \"2001:db8:77::2\"]"));
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_NO_FATAL_FAILURE(start(1, "far", "10.77.0.20"));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }));
    EXPECT_EQ(in(1, "far", "cat /sys/class/net/eth0/mtu").out, "1430\n");
    EXPECT_EQ(peers_of(0), "2001:db8:77::2 ");
    EXPECT_EQ(heard(1, "far", 0, "near", "tcp 10.77.0.20 7000 1048576"), "1048576");
    EXPECT_EQ(heard(0, "near", 1, "far", "udp 10.77.0.10 7000 1400"), "1400") << "with no leave to cut it";
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "far"); })) << "by name";
}

TEST_F(VxlanTest, ATunnelThatIsTakenAwayComesBack)
{
    ASSERT_NO_FATAL_FAILURE(begin(2));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("peers = [\"192.0.2.1\", \"192.0.2.2\"]"));
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_NO_FATAL_FAILURE(start(1, "far", "10.77.0.20"));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }));
    at(0, "ip link delete vx-lan");
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }));
    at(0, "ip link delete holm-lan");
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.20"); }));
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "far"); }));
}

TEST_F(VxlanTest, ABroadcastReachesEachHostOnceAndAMachineMoves)
{
    ASSERT_NO_FATAL_FAILURE(begin(3));
    ASSERT_NO_FATAL_FAILURE(define_everywhere("local = \"LOCAL\"\nevpn = true"));
    ASSERT_NO_FATAL_FAILURE(start(0, "near", "10.77.0.10"));
    ASSERT_NO_FATAL_FAILURE(start(1, "rover", "10.77.0.50"));
    ASSERT_NO_FATAL_FAILURE(start(1, "far", "10.77.0.20"));
    ASSERT_NO_FATAL_FAILURE(start(2, "third", "10.77.0.30"));
    EXPECT_FALSE(reaches(0, "near", "10.77.0.20")) << "nobody has said where it is";
    ASSERT_NO_FATAL_FAILURE(speak_bgp());
    for (const char* other : {"10.77.0.20", "10.77.0.30", "10.77.0.50"})
        EXPECT_TRUE(eventually([&] { return reaches(0, "near", other); }, 30s)) << other;
    EXPECT_EQ(heard(1, "far", 0, "near", "tcp 10.77.0.20 7000 1048576"), "1048576");
    EXPECT_EQ(heard(0, "near", 1, "far", "udp 10.77.0.10 7000 1400"), "1400");
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "third"); }, 40s)) << "by name";
    EXPECT_TRUE(has(at(0, "bridge fdb show dev vx-lan").out, "extern_learn"));

    Process far(host_argv(1, talk(1, "far", "hear udp - 7001 1"))), third(host_argv(2, talk(2, "third", "hear udp - 7001 1")));
    ASSERT_TRUE(far.expect("ready") && third.expect("ready"));
    EXPECT_TRUE(succeeds(at(0, talk(0, "near", "say udp 10.77.255.255 7001 9"))));
    EXPECT_EQ(far.wait().out, "ready\n9\n");
    EXPECT_EQ(third.wait().out, "ready\n9\n");

    const std::string mac = in(1, "rover", "cat /sys/class/net/eth0/address").out;
    ASSERT_NO_FATAL_FAILURE(stop(1, "rover"));
    ASSERT_NO_FATAL_FAILURE(start(2, "rover", "10.77.0.50"));
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_TRUE(eventually([] { return reaches(0, "near", "10.77.0.50"); }, 5s));
    EXPECT_TRUE(eventually([] { return reaches(1, "far", "10.77.0.50"); }, 5s));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
    EXPECT_EQ(in(2, "rover", "cat /sys/class/net/eth0/address").out, mac);
}

}  // namespace holm::test
