// Errors and kills at a call of holmd, or of a child of it, while a machine is started, stopped, rebooted, changed, published, entered or
// removed, by strace(1): whatever came of the request, holmd serves, its view is the host's, and the machine can be used and taken
// away without a trace. The count of what was injected is printed.
#include <csignal>

#include <numeric>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

struct Operation {
    const char* name;
    bool running;  // the machine runs before it
    std::vector<std::string> words;
};

constexpr const char* machine = "faulty-matrix";
constexpr const char* published = "127.0.0.1:41998:80";
constexpr const char* published_port = "41998";

// Whether the firewall or a relay has it.
bool is_published()
{
    return sh(fmt::format("nft list ruleset 2>/dev/null | grep -qw {0} || ss -Hltn 'sport = :{0}' | grep -q .", published_port)).code == 0;
}

}  // namespace

class MatrixTest : public SystemTest {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        adopt(machine);
        allow_errors_of_holmd();
        root_ = busybox();
        define(machine, definition());
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    }
    std::string definition() const
    {
        return fmt::format(
            "[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"trap 'exit 0' TERM; while :; do sleep "
            "1000 & wait $!; done\"]\nstop_signal = \"SIGTERM\"\n",
            root_);
    }
    // What a machine that is defined is before each injection.
    void prepare(const Operation& operation)
    {
        if (!exists(fmt::format("/etc/holm/machines/{}.toml", machine))) define(machine, definition());
        run({"systemctl", "reset-failed", service_of(machine)});
        holmctl({"unpublish", machine, published});  // of an earlier one that came to pass; else refused
        const bool runs = state_of(machine) == "running";
        if (operation.running == runs) return;
        ASSERT_TRUE(succeeds(holmctl({operation.running ? "start" : "stop", machine})));
    }
    static void inject(const std::string& fault, const std::vector<std::string>& words)
    {
        const int holmd = holmd_pid();
        Process strace({"strace", "-f", "-q", "-p", std::to_string(holmd), "-o", "/dev/null", "-e",
                        "trace=" + fault.substr(0, fault.find(':')), "-e", "inject=" + fault});
        EXPECT_TRUE(eventually([&] {
            return content_of(fmt::format("/proc/{}/status", holmd)).find("TracerPid:\t0\n") == std::string::npos || strace.ended();
        }));
        holmctl(words, {}, 30s);
        strace.signal(SIGINT);
        strace.wait(10s);
    }
    // The five that hold after whatever has happened.
    static void expect_invariants(const std::string& fault)
    {
        SCOPED_TRACE(fault);
        EXPECT_TRUE(eventually([] { return holmctl({"list"}, {}, 10s).code == 0; }, 20s)) << "holmd does not serve";
        // What holmd says is what systemd and the kernel say.
        EXPECT_TRUE(eventually(
            [] {
                const std::string state = state_of(machine), unit = unit_state(service_of(machine));
                const bool alive = leader_of(machine) > 0 && exists(fmt::format("/proc/{}", leader_of(machine)));
                if (state == "running") return unit == "active" && alive;
                return (state == "stopped" || state == "failed" || state.empty()) && unit != "active" && unit != "activating" && !alive;
            },
            20s))
            << state_of(machine) << " " << unit_state(service_of(machine)) << " " << leader_of(machine);
        if (state_of(machine) == "running") EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
        else
            EXPECT_TRUE(eventually([] { return !exists(fmt::format("/run/holm/machines/{}", machine)); }, 60s))
                << "what does not run has left " << sh(fmt::format("find /run/holm/machines/{} -ls", machine)).out;
        // What the host does for a machine is what its plan says.
        const std::string plan = content_of(fmt::format("/run/holm/machines/{}/plan.toml", machine));
        EXPECT_TRUE(eventually([&] { return is_published() == (plan.find(published_port) != std::string::npos); }, 20s)) << plan;
        EXPECT_FALSE(exists("/run/holm/quarantine"));
    }
    std::string root_;
};

// The matrix in parts, so that several hosts can share it (tests/run): operations × calls × effects, each at one of seven moments.
class FaultsMatrixTest : public MatrixTest, public testing::WithParamInterface<int> {
protected:
    static constexpr int parts = 14;
    static void TearDownTestSuite() { fmt::print("{} faults were injected, {} violations\n", injected_, violations_); }
    struct Cell {
        Operation operation;
        std::string fault;
    };
    // Cells beyond each other by a stride, so that all of the matrix is met whatever of it is asked for.
    static Cell cell(int number)
    {
        static const std::vector<Operation> operations = {
            {"start", false, {"start", machine}},
            {"stop", true, {"stop", machine}},
            {"reboot", true, {"reboot", machine}},
            {"exec", true, {"exec", machine, "--", "/bin/true"}},
            {"publish", true, {"publish", machine, published}},
            {"set", true, {"set", machine, "TasksMax=123"}},
            {"remove", false, {"remove", machine}},
        };
        static const std::vector<const char*> calls = {"openat", "read",       "write",   "fsync",   "rename", "unlinkat",
                                                       "mkdir",  "sendmsg",    "recvmsg", "clone",   "clone3", "fcntl",
                                                       "statx",  "newfstatat", "socket",  "connect", "flock",  "epoll_wait"};
        static const std::vector<const char*> effects = {"error=EIO", "error=ENOSPC", "error=EMFILE", "signal=KILL"};
        const size_t all = operations.size() * calls.size() * effects.size(), stride = 145;
        EXPECT_EQ(all, static_cast<size_t>(cells));
        EXPECT_EQ(std::gcd(all, stride), 1u) << "some cells of the matrix would never be met";
        const size_t at = static_cast<size_t>(number) * stride % all;
        const char* effect = effects[at / operations.size() % effects.size()];
        const char* call = calls[at / operations.size() / effects.size()];
        return {operations[at % operations.size()], fmt::format("{}:{}:when={}", call, effect, 1 + (number + shift()) % 7)};
    }
    // HOLM_MOMENT: other moments of the same calls.
    static int shift()
    {
        const char* text = getenv("HOLM_MOMENT");
        return text ? atoi(text) : 0;
    }
    static constexpr int cells = 504;
    static inline int injected_ = 0, violations_ = 0;
};

TEST_P(FaultsMatrixTest, WhateverFailsNothingIsLost)
{
    const int wanted = count(cells, 2 * parts);
    for (int number = GetParam(); number < wanted && !HasFailure(); number += parts) {  // what follows a failure would be of it
        const Cell met = cell(number);
        prepare(met.operation);
        inject(met.fault, met.operation.words);
        expect_invariants(fmt::format("cell {}: {} during {}", number, met.fault, met.operation.name));
        ++injected_;
        violations_ += HasFailure();
    }
    prepare({"remove", false, {}});
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_FALSE(exists(fmt::format("/var/lib/holm/machines/{}", machine)));
}

INSTANTIATE_TEST_SUITE_P(Part, FaultsMatrixTest, testing::Range(0, 14));

// Cells that once were violations.
TEST_F(MatrixTest, WhatWasFoundIsMended)
{
    const std::vector<std::pair<const char*, Operation>> found = {
        {"connect:error=EIO:when=1", {"start", false, {"start", machine}}},  // a machine that ran was said to have failed
        {"sendmsg:error=EIO:when=4", {"stop", true, {"stop", machine}}},     // it was stopping for ever
        {"sendmsg:error=EIO:when=3", {"stop", true, {"stop", machine}}},
        {"socket:signal=KILL:when=1", {"publish", true, {"publish", machine, published}}},  // its plan had a port that nobody published
        {"rename:signal=KILL:when=1", {"start", false, {"start", machine}}},
    };
    for (const auto& [fault, operation] : found) {
        prepare(operation);
        inject(fault, operation.words);
        expect_invariants(fmt::format("{} during {}", fault, operation.name));
        if (HasFailure()) break;
    }
    prepare({"remove", false, {}});
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

// What takes back what a machine had is killed half way: it is done once more, and nothing is left of the machine and of its network.
TEST_F(MatrixTest, AReleaseThatIsKilledIsDoneAgain)
{
    for (int call = long_form() ? 1 : 4; call <= (long_form() ? 8 : 5); ++call) {
        const std::string fault = fmt::format("unlinkat:signal=KILL:when={}", call);
        prepare({"stop", true, {}});
        inject(fault, {"stop", machine});
        expect_invariants(fault);
        EXPECT_TRUE(eventually([] { return sh("ls /run/holm/networks").out.empty(); }, 60s)) << sh("find /run/holm/networks").out;
    }
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

// Each process that a machine needs is stopped for a while: requests wait or fail, and all is well once it goes on.
TEST_F(MatrixTest, ProcessesThatAreStoppedForAWhile)
{
    const int supervisor = std::atoi(unit_property(service_of(machine), "MainPID").c_str());
    ASSERT_GT(supervisor, 1);
    const int machined = std::atoi(unit_property("systemd-machined.service", "MainPID").c_str()),
              journald = std::atoi(unit_property("systemd-journald.service", "MainPID").c_str());
    for (int pid : {holmd_pid(), supervisor, machined, journald, leader_of(machine)}) {
        if (pid <= 1) continue;
        kill(pid, SIGSTOP);
        holmctl({"--json=short", "list"}, {}, 2s);
        holmctl({"exec", machine, "--", "/bin/true"}, {}, 2s);
        kill(pid, SIGCONT);
        expect_invariants(fmt::format("SIGSTOP of {}", pid));
    }
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

// systemd executes itself anew, and the services that holmd talks to are started again: machines do not notice.
TEST_F(MatrixTest, TheHostsServicesAreStartedAgain)
{
    const int leader = leader_of(machine);
    for (std::vector<std::string> words : {std::vector<std::string>{"daemon-reexec"},
                                           {"daemon-reload"},
                                           {"restart", "systemd-journald.service"},
                                           {"restart", "systemd-machined.service"},
                                           {"restart", "holmd.service"}}) {
        words.insert(words.begin(), "systemctl");
        EXPECT_TRUE(succeeds(run(words)));
        expect_invariants(fmt::format("{}", fmt::join(words, " ")));
        EXPECT_EQ(leader_of(machine), leader) << fmt::format("{}", fmt::join(words, " "));
        EXPECT_TRUE(succeeds(holmctl({"set", "--runtime", machine, "TasksMax=1000"})));
    }
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

}  // namespace holm::test
