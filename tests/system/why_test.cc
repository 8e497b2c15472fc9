// What a person is told of a machine that went wrong, and of machines in general: why, status, events, top, metrics.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include <nlohmann/json.hpp>

#include "host.h"

namespace holm::test {

using Json = nlohmann::json;

class WhyTest : public SystemTest {
protected:
    // A definition whose root is a fresh busybox, which may be made worse before the start.
    std::string defined(const std::string& payload, const std::string& more = "")
    {
        std::string machine = name();
        root_ = busybox();
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\n{}\n{}", root_, payload, more));
        return machine;
    }
    // The first line of `why` after a start that fails.
    std::string cause_of(const std::string& machine)
    {
        holmctl({"start", machine});
        EXPECT_TRUE(wait_for_state(machine, "failed"));
        run({"systemctl", "reset-failed", service_of(machine)});
        std::string text = holmctl({"why", machine}).out;
        return text.substr(0, text.find('\n'));
    }
    std::string root_;
};

TEST_F(WhyTest, ThePlanNamesWhatIsMissing)
{
    std::string machine = defined("command = [\"/bin/no-such\"]");
    EXPECT_TRUE(has(cause_of(machine), machine + ": "));
    EXPECT_TRUE(has(cause_of(machine), "'/bin/no-such' does not exist"));
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "1  plan        failed"));
    EXPECT_TRUE(has(cause_of(defined("command = [\"/bin/true\"]", "[[mount]]\nsource = \"/no/such/folder\"\ntarget = \"/srv\"\n")),
                    "/no/such/folder"));
    EXPECT_TRUE(has(cause_of(defined("command = [\"/bin/true\"]\nuser = \"nobody-here\"")), "nobody-here"));
    std::string bad = name();
    define(bad, "[root]\npath = \"/no/such/root\"\n");
    EXPECT_TRUE(has(cause_of(bad), "/no/such/root"));
    std::string key = name();
    define(key, "[rooot]\n");
    EXPECT_TRUE(has(cause_of(key), key + ".toml:1:2"));
}

TEST_F(WhyTest, TheStepAndTheHintOfAStart)
{
    std::string machine = defined(
        "command = [\"/bin/sh\", \"-c\", \"echo said on the console; exec sleep 1000\"]\nready = \"port:9\"\nstart_timeout = \"1s\"");
    EXPECT_TRUE(has(cause_of(machine), "was not ready within 1s: port 9 of the machine does not pass"));
    std::string text = holmctl({"why", machine}).out;
    EXPECT_TRUE(has(text, "ready       failed"));
    EXPECT_TRUE(has(text, "security    done"));
    EXPECT_TRUE(has(text, "Hint: see payload.ready"));
    EXPECT_TRUE(has(text, "  said on the console"));
    Json explained = Json::parse(holmctl({"--json=short", "why", machine}).out, nullptr, false);
    EXPECT_EQ(explained.value("Step", ""), "ready");
    EXPECT_EQ(explained.value("State", ""), "failed");
    kill_holmd();
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "ready       failed")) << "the next holmd knows it too";
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "was not ready within 1s"));
}

TEST_F(WhyTest, HowARunEnded)
{
    EXPECT_TRUE(has(cause_of(defined("command = [\"/bin/sh\", \"-c\", \"exit 7\"]")), "exited with status 7"));
    std::string machine = defined("command = [\"/bin/sh\", \"-c\", \"kill -SEGV $$; sleep 5\"]\ninit = true");
    EXPECT_TRUE(has(cause_of(machine), machine));
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "run         failed"));
    std::string good = background();
    EXPECT_TRUE(has(holmctl({"why", good}).out, good + ": is running"));
    EXPECT_TRUE(succeeds(holmctl({"stop", good})));
    EXPECT_TRUE(has(holmctl({"why", good}).out, good + ": is stopped"));
    EXPECT_TRUE(refuses(holmctl({"why", "no-such-machine"}), 1, "no-such-machine"));
}

TEST_F(WhyTest, ABundleForAReport)
{
    std::string machine = defined("command = [\"/bin/sh\", \"-c\", \"exit 7\"]");
    cause_of(machine);
    ASSERT_TRUE(succeeds(sh("cd " + folder() + " && holmctl why --bundle " + machine)));
    EXPECT_TRUE(has(sh("tar -xzOf " + folder() + "/" + machine + "-why.tar.gz ./why.txt").out, "exited with status 7"));
    EXPECT_TRUE(has(sh("tar -xzOf " + folder() + "/" + machine + "-why.tar.gz ./definition.toml").out, "exit 7"));
    EXPECT_EQ(sh("stat -c %a " + folder() + "/" + machine + "-why.tar.gz").out, "600\n");
}

// A definition that does not parse is a unit that fails with the sentence, never "not found".
TEST_F(WhyTest, ABadDefinitionIsAUnitThatSaysSo)
{
    std::string machine = name();
    define(machine, "[root]\npath = 7\n");
    ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
    EXPECT_FALSE(run({"systemctl", "start", service_of(machine)}).code == 0);
    EXPECT_EQ(unit_property(service_of(machine), "LoadState"), "loaded");
    EXPECT_TRUE(has(unit_property(service_of(machine), "StatusText"), machine + ".toml:2:"));
    run({"systemctl", "reset-failed", service_of(machine)});
}

TEST_F(WhyTest, EventsAreInTheJournal)
{
    const std::string since = fmt::format("--since=@{}", std::time(nullptr));  // an earlier test's machine had the same name
    std::string machine = background();
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    ASSERT_TRUE(succeeds(holmctl({"thaw", machine})));
    ASSERT_TRUE(succeeds(holmctl({"set", machine, "TasksMax=99"})));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    auto events = [&] {
        std::vector<std::string> words;
        std::string out = holmctl({"--json=short", "events", since, machine}).out;
        for (size_t at = 0, end; (end = out.find('\n', at)) != out.npos; at = end + 1)
            words.push_back(Json::parse(out.substr(at, end - at), nullptr, false).value("event", "?"));
        return words;
    };
    const std::vector<std::string> wanted = {"started", "ready", "frozen", "thawed", "changed", "stopping", "stopped"};
    EXPECT_TRUE(eventually([&] { return events() == wanted; })) << holmctl({"events", machine}).out;
    EXPECT_TRUE(has(journal_of(scope_of(machine)), "is frozen")) << "in the unit's own journal";
    EXPECT_EQ(holmctl({"events", "--since=@9", "no-such-machine"}).out, "");
    EXPECT_TRUE(refuses(holmctl({"events", "--since=yesteryear"}), 2, "yesteryear"));
}

TEST_F(WhyTest, UsageOfMachines)
{
    std::string machine = background("while :; do :; done");
    Outcome once = holmctl({"--json=short", "top", "--delay=300ms"});
    ASSERT_TRUE(succeeds(once));
    Json rows = Json::parse(once.out, nullptr, false);
    ASSERT_EQ(rows.size(), 1u) << once.out;
    EXPECT_EQ(rows[0].value("name", ""), machine);
    auto cpu_of = [](const Outcome& outcome) {
        Json all = Json::parse(outcome.out, nullptr, false);
        return all.size() == 1 ? std::atof(all[0].value("cpu", "0").c_str()) : 0;
    };
    EXPECT_TRUE(eventually([&] { return cpu_of(holmctl({"--json=short", "top", "--delay=300ms"})) > 5; }));
    Process live({"holmctl", "top", "--delay=100ms"}, {.stdio = Stdio::Terminal});
    EXPECT_TRUE(live.expect(machine));
    EXPECT_TRUE(live.expect(machine)) << "again and again";
    live.signal(SIGINT);
    EXPECT_EQ(live.wait().code, 130);
    EXPECT_TRUE(refuses(holmctl({"top", "--sort=beauty"}), 2, "beauty"));
    std::string metrics = holmctl({"metrics"}).out;
    EXPECT_TRUE(has(metrics, "holm_machine_running{machine=\"" + machine + "\"} 1"));
    EXPECT_TRUE(has(metrics, "holm_machine_cpu_seconds_total{machine=\"" + machine + "\"} "));
    EXPECT_TRUE(metrics.ends_with("# EOF\n"));
    EXPECT_TRUE(holmctl({"metrics", "--http"}, "GET /metrics HTTP/1.0\r\n\r\n").out.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(holmctl({"metrics", "--http"}).out.starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

namespace {

// All that holm-metrics.socket says to a client that sends these bytes, and how the connection ended where it did not end well.
std::string ask_metrics(std::string_view request)
{
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9557);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return fmt::format("no connection: {}", strerror(errno));
    while (!request.empty()) {
        const ssize_t sent = ::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL);
        if (sent < 0) return fmt::format("not taken: {}", strerror(errno));
        request.remove_prefix(static_cast<size_t>(sent));
    }
    std::string answer;
    std::array<char, 4096> bytes{};
    for (;;) {
        const ssize_t got = ::recv(client.get(), bytes.data(), bytes.size(), 0);
        if (got < 0) return fmt::format("{} [{}]", answer, strerror(errno));
        if (got == 0) return answer;
        answer.append(bytes.data(), static_cast<size_t>(got));
    }
}

}  // namespace

TEST_F(WhyTest, TheSocketOfMetricsSpeaksHttp)
{
    ASSERT_TRUE(succeeds(run({"systemctl", "start", "holm-metrics.socket"})));
    const std::string got = ask_metrics("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    const size_t body = got.find("\r\n\r\n");
    ASSERT_NE(body, std::string::npos) << got;
    EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(has(got, "Content-Type: application/openmetrics-text"));
    EXPECT_TRUE(has(got, fmt::format("Content-Length: {}\r\n", got.size() - body - 4)));
    EXPECT_TRUE(got.ends_with("# EOF\n"));
    const std::string head = ask_metrics("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(has(head, "Content-Length: "));
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    EXPECT_TRUE(ask_metrics("GET / HTTP/1.0\r\n\r\n").ends_with("# EOF\n"));
    EXPECT_TRUE(ask_metrics("GET /else HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    const std::string refused = ask_metrics("POST /metrics HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + std::string(50000, 'x'));
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 "));
    EXPECT_TRUE(refused.ends_with("with GET or HEAD.\n")) << refused;
    EXPECT_TRUE(ask_metrics("\x16\x03\x01 garbage\n").starts_with("HTTP/1.1 400 "));
    const std::string large = ask_metrics("GET /metrics HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n");
    EXPECT_TRUE(large.starts_with("HTTP/1.1 431 "));
    EXPECT_TRUE(large.ends_with("8 KiB.\n")) << large;
    EXPECT_TRUE(ask_metrics("GET /metrics HTTP/1.1\r\n").starts_with("HTTP/1.1 408 ")) << "after a while";
    ASSERT_TRUE(succeeds(run({"systemctl", "stop", "holm-metrics.socket"})));
}

TEST_F(WhyTest, AHolmdThatDoesNotAnswerIsNamed)
{
    ASSERT_TRUE(succeeds(holmctl({"list"})));
    const int holmd = holmd_pid();
    ASSERT_GT(holmd, 0);
    ASSERT_EQ(::kill(holmd, SIGSTOP), 0);
    Process list({"holmctl", "list"}, {.stdio = Stdio::Terminal});
    const bool said = list.expect("holmd has not answered for 2 s", 10s);
    ASSERT_EQ(::kill(holmd, SIGCONT), 0);
    EXPECT_TRUE(said) << list.out();
    EXPECT_EQ(list.wait().code, 0);
    EXPECT_FALSE(has(holmctl({"list"}).err, "has not answered"));
}

// What is left of one whose file was taken away by hand.
TEST_F(WhyTest, AFailureWithoutADefinitionIsRemoved)
{
    const std::string machine = name();
    define(machine,
           fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"exit 3\"]\n[[network]]\nnetwork = \"none\"\n",
                       busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(wait_for_state(machine, "failed"));
    ASSERT_EQ(::remove(fmt::format("/etc/holm/machines/{}.toml", machine).c_str()), 0);
    EXPECT_TRUE(has(holmctl({"list", "--all"}).out, machine));
    ASSERT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_FALSE(has(holmctl({"list", "--all"}).out, machine));
    EXPECT_TRUE(refuses(holmctl({"remove", machine}), 1, machine));
}

}  // namespace holm::test
