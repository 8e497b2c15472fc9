// CVE-2025-4598 and its class: pids come again within a second, and nobody but the machine that is named is looked into, entered or
// killed. It takes a kernel of one's own.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

// As few pids as the kernel gets along with, until the end of the scope.
class FewPids {
public:
    FewPids() : before_(content_of(setting))
    {
        const long tasks = std::ranges::count_if(std::filesystem::directory_iterator("/proc"), [](const auto& entry) {
            return parse_number(entry.path().filename().string()).has_value();
        });
        set(fmt::format("{}", std::max(512L, tasks + 250)));
    }
    ~FewPids() { set(before_); }
    FewPids(const FewPids&) = delete;
    FewPids& operator=(const FewPids&) = delete;

private:
    static void set(const std::string& value)
    {
        std::ofstream file(setting);
        EXPECT_TRUE(file << value << std::flush) << setting;
    }
    static constexpr const char* setting = "/proc/sys/kernel/pid_max";
    std::string before_;
};

}  // namespace

using VmPidReuseTest = OnlyInVm<SystemTest>;

TEST_F(VmPidReuseTest, NobodyElseIsMeant)
{
    const FewPids few;
    const std::string storm = background("while :; do /bin/true; done"), steady = background();
    const int leader = leader_of(steady);
    // Processes of the host, one after another and one for long, that nobody should end.
    Process canary({"python3", "-c", R"py(
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
steady, number, last = subprocess.Popen(['sleep', '1000']), 0, 0
try:
    while steady.poll() is None:
        one = subprocess.Popen(['sleep', '0.05'])
        if one.wait() != 0: print('ended by', one.returncode, flush=True)
        number += one.pid < last
        last = one.pid
    print('the steady one was ended', flush=True)
finally:
    steady.kill()
    print('rounds', number, flush=True)
)py"},
                   {.stdio = Stdio::Pipes});
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(long_form() ? 120 : 40);
    int rounds = 0;
    for (; std::chrono::steady_clock::now() < end; ++rounds) {
        const std::string victim = name(), hostname = victim + "\n";
        ASSERT_TRUE(succeeds(holmctl(
            {"run", "--detach", "--name=" + victim, "--root=" + busybox(), "--network=none", "--", "/bin/sleep", "1000"}, {}, 120s)));
        std::vector<std::unique_ptr<Process>> callers;
        auto call = [&](std::vector<std::string> words) {
            words.insert(words.begin(), "holmctl");
            callers.push_back(std::make_unique<Process>(std::move(words), Start{.stdio = Stdio::Pipes}));
        };
        call({"exec", victim, "--", "/bin/hostname"});
        call({"status", victim});
        call({"kill", "--signal=SIGKILL", victim});
        call({"exec", victim, "--", "/bin/hostname"});
        call({rounds % 2 ? "terminate" : "stop", victim});
        call({"kill", "--signal=SIGKILL", victim});
        for (size_t i = 0; i < callers.size(); ++i) {
            const Outcome outcome = callers[i]->wait(120s);
            const bool tells = i % 3 == 0 && outcome.code == 0;
            EXPECT_TRUE(!tells || outcome.out == hostname) << testing::PrintToString(outcome);
        }
        take_away(victim);
    }
    canary.signal(SIGTERM);
    const Outcome untouched = canary.wait(60s);
    const size_t line = untouched.out.find("rounds ");
    ASSERT_NE(line, std::string::npos) << untouched.err;
    EXPECT_EQ(line, 0U) << untouched.out;
    EXPECT_GT(parse_number(trim(std::string_view(untouched.out).substr(line + 7))).value_or(0), 3U) << "pids hardly came again";
    fmt::print("{} machines ended while pids came again: {}", rounds, untouched.out);
    EXPECT_EQ(leader_of(steady), leader);
    EXPECT_EQ(state_of(storm), "running");
}

}  // namespace holm::test
