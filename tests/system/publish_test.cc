// Published ports: every cell of {tcp, udp} × {v4, v6} × {one address, any, localhost} × {from outside, host, sibling, itself} ×
// {single, range} connects for real, or is refused where it is to be.
#include <map>

#include <nlohmann/json.hpp>

#include "network_fixture.h"

namespace holm::test {

namespace {

// Listens on every port that it is given, of both protocols and families, and answers with its name and who asks.
constexpr const char* echo_server = R"(
import selectors, socket, sys
name, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
waiting = selectors.DefaultSelector()
for port in ports:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        one = socket.socket(socket.AF_INET6, kind)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(('::', port))
        if kind == socket.SOCK_STREAM: one.listen(64)
        waiting.register(one, selectors.EVENT_READ, kind)
print('ready', flush=True)
while True:
    for key, _ in waiting.select():
        say = lambda peer, port: f"{name} {peer.removeprefix('::ffff:')} {port}\n".encode()
        if key.data == socket.SOCK_STREAM:
            client, peer = key.fileobj.accept()
            client.sendall(say(peer[0], client.getsockname()[1])); client.close()
        else:
            _, peer = key.fileobj.recvfrom(2000)
            key.fileobj.sendto(say(peer[0], key.fileobj.getsockname()[1]), peer)
)";

// "tcp ADDRESS PORT" a line in, all of them at once, and a line each out: the answer, or "-".
constexpr const char* asker = R"(
import socket, sys, concurrent.futures as futures
def ask(line):
    protocol, address, port = line.split()
    try:
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        one = socket.socket(family, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)
        one.settimeout(2)
        one.connect((address, int(port)))
        if protocol == 'udp': one.send(b'who\n')
        return one.recv(2000).decode().strip() or '-'
    except OSError:
        return '-'
lines = sys.stdin.read().splitlines()
with futures.ThreadPoolExecutor(64) as pool: print('\n'.join(pool.map(ask, lines)))
)";

enum class At { OneAddress, Any, Localhost };

struct Cell {
    std::string protocol;
    bool v6 = false;
    At at = At::Any;
    bool range = false;
    int port = 0;  // of the host, the first of three

    std::string one_address() const { return v6 ? host_end6 : host_end; }
    std::string loopback() const { return v6 ? "::1" : "127.0.0.1"; }
    std::string published() const
    {
        const std::string address = at == At::Localhost ? loopback() : at == At::OneAddress ? one_address() : v6 ? "::" : "0.0.0.0";
        return fmt::format("{}:{}/{}", v6 ? "[" + address + "]" : address,
                           range ? fmt::format("{0}-{1}:{0}-{1}", port, port + 2) : fmt::format("{}:7", port), protocol);
    }
    std::string name() const { return fmt::format("{} (from a {})", published(), range ? "range" : "single port"); }
};

std::vector<Cell> all_cells()
{
    std::vector<Cell> cells;
    for (const char* protocol : {"tcp", "udp"})
        for (bool v6 : {false, true})
            for (At at : {At::OneAddress, At::Any, At::Localhost})
                for (bool range : {false, true}) cells.push_back({protocol, v6, at, range, 20000 + 10 * static_cast<int>(cells.size())});
    return cells;
}

}  // namespace

class PublishTest : public NetworkTest {
protected:
    // The machine with all of it published, and its server.
    std::string serve(const std::vector<Cell>& cells)
    {
        std::vector<std::string> options;
        std::string ports = "7";
        for (const Cell& cell : cells) {
            options.push_back("--publish=" + cell.published());
            for (int i = 0; cell.range && i < 3; ++i) ports += fmt::format(" {}", cell.port + i);
        }
        std::string machine = on("holm0", waits, options);
        sh(fmt::format("kill $(cat {}/pid)", folder()));  // an earlier one's, which would keep its machine's namespace
        write_file(folder() + "/server.py", echo_server), write_file(folder() + "/ask.py", asker);
        sh(fmt::format("{0} python3 {1}/server.py {2} {3} >{1}/ready 2>&1 & echo $! >{1}/pid", in_network_of(machine), folder(), machine,
                       ports));
        EXPECT_TRUE(eventually([&] { return content_of(folder() + "/ready") == "ready\n"; })) << content_of(folder() + "/ready");
        return machine;
    }
    void TearDown() override
    {
        sh(fmt::format("kill $(cat {}/pid)", folder()));
        NetworkTest::TearDown();
    }
    // What each of "tcp ADDRESS PORT" is answered, asked from there.
    std::vector<std::string> ask(const std::string& where, const std::vector<std::string>& targets)
    {
        const Outcome asked = run({"/bin/sh", "-c", fmt::format("{} python3 {}/ask.py", where, folder())},
                                  fmt::format("{}\n", fmt::join(targets, "\n")), 60s);
        EXPECT_TRUE(succeeds(asked));
        std::vector<std::string> answers;
        for (std::string_view line : split(asked.out, '\n'))
            if (!line.empty()) answers.emplace_back(line);
        EXPECT_EQ(answers.size(), targets.size());
        answers.resize(targets.size());
        return answers;
    }
    // Each cell asked from there at the host's address; and of the host also at its loopback.
    void expect_cells(const std::vector<Cell>& cells, const std::string& from, const std::string& where, const std::string& machine)
    {
        std::vector<std::string> targets, expected, names;
        auto add = [&](const Cell& cell, const std::string& address, bool answers) {
            const int port = cell.range ? cell.port + 2 : cell.port;
            targets.push_back(fmt::format("{} {} {}", cell.protocol, address, port));
            expected.push_back(answers ? fmt::format("{} {}", machine, cell.range ? port : 7) : "-");
            names.push_back(fmt::format("{} from {} at {}", cell.name(), from, address));
        };
        for (const Cell& cell : cells) {
            add(cell, cell.one_address(), cell.at != At::Localhost);
            if (from == "host") add(cell, cell.loopback(), cell.at != At::OneAddress);
        }
        const std::vector<std::string> answers = ask(where, targets);
        for (size_t i = 0; i < targets.size(); ++i) {
            const auto words = split(answers[i], ' ');
            EXPECT_EQ(words.size() == 3 ? fmt::format("{} {}", words[0], words[2]) : answers[i], expected[i]) << names[i];
            // Who the machine takes for its client: not the host, where it is not.
            if (from == "outside" && words.size() == 3) {
                EXPECT_EQ(words[1], names[i].contains('[') ? server6 : server) << names[i];
            }
        }
    }
};

TEST_F(PublishTest, EveryCellOfTheMatrix)
{
    const std::vector<Cell> cells = all_cells();
    ASSERT_EQ(cells.size(), 24U);
    std::string sibling = on("holm0"), machine = serve(cells);
    EXPECT_TRUE(eventually([] { return unit_state("holm-relay.service") == "active"; }));
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        SCOPED_TRACE(fmt::format("bridge-nf-call-iptables {}", calls));
        expect_cells(cells, "outside", beyond, machine);
        expect_cells(cells, "host", "", machine);
        expect_cells(cells, "sibling", in_network_of(sibling), machine);
        expect_cells(cells, "itself", in_network_of(machine), machine);
    }
    set_bridge_calls(1);
}

TEST_F(PublishTest, ALoopbackPortIsTheHostsAlone)
{
    const Cell tcp{"tcp", false, At::Localhost, false, 20000}, udp{"udp", true, At::Localhost, false, 20010};
    std::string machine = serve({tcp, udp});
    EXPECT_TRUE(eventually([&] { return ask("", {"tcp 127.0.0.1 20000"})[0] == machine + " 10.213.0.1 7"; }));
    // Also not by a route to it, nor by the bridge.
    sh(
        fmt::format("ip -n server route add 127.0.0.1/32 via {} table local 2>/dev/null; ip -n server route del local 127.0.0.0/8; "
                    "ip -n server route add 127.0.0.0/8 via {}",
                    host_end, host_end));
    for (int calls : {1, 0}) {
        set_bridge_calls(calls);
        for (const std::string& where : {beyond, in_network_of(machine)})
            EXPECT_EQ(ask(where, {"tcp 10.213.0.1 20000", fmt::format("tcp {} 20000", host_end), fmt::format("udp {} 20010", host_end6)}),
                      (std::vector<std::string>{"-", "-", "-"}))
                << calls;
        EXPECT_EQ(ask(beyond, {"tcp 127.0.0.1 20000"})[0], "-") << calls;
        EXPECT_EQ(ask("", {"tcp 127.0.0.1 20000"})[0], machine + " 10.213.0.1 7") << calls;
    }
    set_bridge_calls(1);
}

TEST_F(PublishTest, TheRelaySurvivesAndGivesUp)
{
    const Cell cell{"tcp", false, At::Localhost, false, 20000};
    std::string machine = serve({cell});
    auto answers = [&] { return ask("", {"tcp 127.0.0.1 20000"})[0].starts_with(machine); };
    EXPECT_TRUE(eventually(answers));
    kill_holmd();
    EXPECT_TRUE(answers()) << "holmd has no part in it";
    sh("systemctl kill -s KILL holm-relay");
    EXPECT_TRUE(eventually(answers, 5s));
    take_away(machine);
    EXPECT_TRUE(eventually([] { return unit_state("holm-relay.service") == "inactive"; }));
    // The port is free again, and another's from now on.
    std::string other = serve({cell});
    EXPECT_TRUE(eventually([&] { return ask("", {"tcp 127.0.0.1 20000"})[0].starts_with(other); }));
}

// Refused while it is there, at a start and of a machine that runs; holm's own relay, which has the port of a machine, is nobody.
TEST_F(PublishTest, APortOfAProgramOfTheHost)
{
    const std::string machine = name("taken"), word = "the published port '20000:7/tcp'";
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n[[network]]\nnetwork = "
                                "\"holm0\"\npublish = [\"20000:7\"]\n",
                                busybox()));
    auto listen = [&](const char* address) {
        write_file(folder() + "/one.py",
                   "import socket, sys, time\ns = socket.create_server((sys.argv[1], 20000), family=socket.AF_INET6 if "
                   "':' in sys.argv[1] else socket.AF_INET)\nprint('ready', flush=True)\ntime.sleep(1000)\n");
        sh(fmt::format("python3 {0}/one.py {1} >{0}/ready 2>&1 & echo $! >{0}/pid", folder(), address));
        EXPECT_TRUE(eventually([&] { return content_of(folder() + "/ready") == "ready\n"; })) << content_of(folder() + "/ready");
    };
    auto end = [&] { sh(fmt::format("kill $(cat {0}/pid); while kill -0 $(cat {0}/pid); do sleep 0.05; done; rm {0}/pid", folder())); };
    listen("127.0.0.1");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, word));
    const std::string why = holmctl({"why", machine}).out;
    EXPECT_TRUE(has(why, "is in use: a program of the host listens at port 20000 of 127.0.0.1"));
    EXPECT_TRUE(has(why, "1  plan        failed (EADDRINUSE)"));
    EXPECT_TRUE(refuses(holmctl({"plan", machine}), 1, word));
    EXPECT_TRUE(refuses(
        holmctl({"run", "--rm", "--name=" + name(), "--root=" + busybox(), "--network=holm0", "--publish=20000:7", "--", "/bin/true"}), 125,
        word));
    const std::string other = on("holm0", waits, {"--publish=192.0.2.1:20000:7"});
    EXPECT_TRUE(refuses(holmctl({"publish", "--runtime", other, "127.0.0.1:20000:7"}), 1, "is in use"));
    take_away(other);
    end();
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([] { return !sh("ss -Hltn sport = :20000").out.empty(); })) << "holm-relay";
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine}))) << "at once";
    // One that came later is not the machine's fault.
    listen(host_end);
    EXPECT_TRUE(succeeds(holmctl({"plan", machine})));
    EXPECT_TRUE(succeeds(holmctl({"apply", machine})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "at port 20000 of 192.0.2.1"));
    end();
}

// As they are now where it runs, else as they are defined.
TEST_F(PublishTest, StatusTellsPortsAndLimits)
{
    const std::string machine = name("shown");
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n[[network]]\nnetwork = "
                                "\"holm0\"\npublish = [\"20000:7\", \"127.0.0.1:20001:8/udp\"]\n[resources]\nMemoryMax = \"64M\"\n",
                                busybox()));
    auto shown = [&] { return nlohmann::json::parse(holmctl({"--json=short", "status", machine}).out, nullptr, false); };
    auto published = [&] { return shown().value("Published", nlohmann::json()); };
    auto limits = [&] { return shown().value("Limits", nlohmann::json()); };
    using Json = nlohmann::json;
    const Json defined = {"20000:7/tcp", "127.0.0.1:20001:8/udp"}, set = {{"MemoryMax", "64M"}, {"TasksMax", "4096"}};
    EXPECT_EQ(published(), defined);
    EXPECT_EQ(limits(), set);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(published(), defined);
    EXPECT_EQ(limits(), set);
    ASSERT_TRUE(succeeds(holmctl({"publish", "--runtime", machine, "20002:9"})));
    ASSERT_TRUE(succeeds(holmctl({"set", "--runtime", machine, "MemoryMax=48M", "CPUQuota=50%"})));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "   Published: 20000:7/tcp 127.0.0.1:20001:8/udp 20002:9/tcp\n"));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "      Limits: CPUQuota=50% MemoryMax=48M TasksMax=4096\n"));
    EXPECT_EQ(holmctl({"show", "--value", "-p", "Published", machine}).out, "20000:7/tcp 127.0.0.1:20001:8/udp 20002:9/tcp\n");
    ASSERT_TRUE(succeeds(run({"systemctl", "set-property", "--runtime", service_of(machine), "TasksMax=1000", "MemoryHigh=32M"})));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "      Limits: CPUQuota=50% MemoryHigh=32M MemoryMax=48M TasksMax=1000\n"));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(published(), defined) << "the rest held until now";
    EXPECT_EQ(limits(), set);
    const std::string bare = background();
    EXPECT_FALSE(holmctl({"status", bare}).out.contains("Published"));
}

// Much in both directions, and an end of one of them.
TEST_F(PublishTest, TheRelayCarriesEverything)
{
    std::string machine =
        on("holm0", "nc -l -p 9 -e /bin/sha256sum; nc -l -p 9 -e /bin/cat /big & sleep 1000", {"--publish=127.0.0.1:9:9"});
    const std::string bytes = pattern(8 << 20);
    write_file(folder() + "/bytes", bytes);
    auto sent = [&] {
        return sh(fmt::format("python3 -c 'import socket\ns = socket.create_connection((\"127.0.0.1\", 9))\n"
                              "s.sendall(open(\"{}/bytes\", \"rb\").read()); s.shutdown(1)\nprint(s.recv(64).decode())'",
                              folder()))
            .out;
    };
    std::string sum;
    EXPECT_TRUE(eventually([&] { return !trim(sum = sent()).empty(); }, 10s));
    EXPECT_EQ(std::string(trim(sum)), sha256(bytes));
}

}  // namespace holm::test
