// Limits as the kernel enforces them, measured from inside the machine and from outside: it takes a kernel that has all controllers. Of
// what takes long under emulation, VmTest has a short form.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start)
{
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// The value behind `key` in a file of "KEY VALUE" lines.
uint64_t value_of(const std::string& text, std::string_view key)
{
    for (std::string_view line : split(text, '\n'))
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
            return parse_number(trim(line.substr(key.size()))).value_or(0);
    return 0;
}

}  // namespace

class VmLimitsTest : public OnlyInVm<SystemTest> {
protected:
    std::string start(const std::string& script, const std::string& resources)
    {
        std::string machine = name();
        root_ = busybox();
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\nstop_signal = \"SIGKILL\"\n"
                                    "[resources]\n{}",
                                    root_, script, resources));
        EXPECT_TRUE(succeeds(holmctl({"start", machine}, {}, 120s)));
        return machine;
    }
    // A file of the unit's cgroup, from outside.
    static std::string file_of(const std::string& machine, const std::string& file)
    {
        return content_of(fmt::format("/sys/fs/cgroup/machine.slice/{}/{}", service_of(machine), file));
    }
    static uint64_t number_of(const std::string& machine, const std::string& file, std::string_view key)
    {
        return value_of(file_of(machine, file), key);
    }
    static testing::AssertionResult set(const std::string& machine, std::vector<std::string> words)
    {
        words.insert(words.begin(), {"set", machine});
        return succeeds(holmctl(words, {}, 60s));
    }
    // How much of a CPU each has while a few seconds pass.
    static std::vector<double> use_of(const std::vector<std::string>& machines)
    {
        std::vector<double> use;
        const auto from = Clock::now();
        for (const std::string& machine : machines) use.push_back(-static_cast<double>(number_of(machine, "cpu.stat", "usage_usec")));
        sleep_for(long_form() ? 10s : 3s);
        for (size_t i = 0; i < machines.size(); ++i) use[i] += static_cast<double>(number_of(machines[i], "cpu.stat", "usage_usec"));
        const double passed = seconds_since(from);
        for (double& one : use) one /= 1e6 * passed;
        return use;
    }
    // The same by the machine's own clock and its own count.
    static double use_seen_inside(const std::string& machine)
    {
        const std::string look = "cut -d' ' -f1 /proc/uptime; grep usage_usec /sys/fs/cgroup/cpu.stat | cut -d' ' -f2";
        const std::string out = inside(machine, look + "; sleep 3; " + look).out;
        std::vector<double> seen;
        for (std::string_view line : split(trim(out), '\n')) seen.push_back(std::atof(std::string(line).c_str()));
        if (seen.size() != 4 || seen[2] <= seen[0]) return 0;
        return (seen[3] - seen[1]) / 1e6 / (seen[2] - seen[0]);
    }
    std::string root_;
};

TEST_F(VmLimitsTest, AQuotaAndWeightsOfCpu)
{
    const std::string busy = "while :; do :; done";
    std::string one = start(busy, ""), other = start(busy, "AllowedCPUs = \"0\"\nCPUWeight = 300\n");
    // Live, as all here; what it has of a CPU is the quota, by the count of the kernel outside and by what is seen inside.
    ASSERT_TRUE(set(one, {"CPUQuota=50%"}));
    double use = 0;
    EXPECT_TRUE(eventually([&] { return std::abs((use = use_of({one})[0]) - 0.5) <= 0.05; }, 90s)) << use;
    fmt::print("CPUQuota=50%: {:.3f} of a CPU", use);
    EXPECT_TRUE(eventually([&] { return std::abs((use = use_seen_inside(one)) - 0.5) <= 0.05; }, 90s)) << "seen inside: " << use;
    fmt::print(", {:.3f} seen inside\n", use);
    EXPECT_GT(number_of(one, "cpu.stat", "nr_throttled"), 0u);

    // Two on one CPU share it by their weights.
    ASSERT_TRUE(set(one, {"CPUQuota=", "AllowedCPUs=0", "CPUWeight=100"}));
    EXPECT_EQ(trim(file_of(one, "cpuset.cpus.effective")), "0");
    EXPECT_EQ(trim(inside(one, "grep Cpus_allowed_list /proc/1/status | cut -f2").out), "0");
    EXPECT_EQ(status_line(leader_of(one), "Cpus_allowed_list"), "0");
    double ratio = 0;
    auto is_seen = [&] {
        const auto shares = use_of({one, other});
        ratio = shares[0] > 0 ? shares[1] / shares[0] : 0;
        return ratio > 2.5 && ratio < 3.5;
    };
    EXPECT_TRUE(eventually(is_seen, 90s)) << ratio;
    fmt::print("CPUWeight 300 to 100: {:.2f}\n", ratio);
}

TEST_F(VmLimitsTest, AFrozenMachineStandsStill)
{
    if (!long_form()) GTEST_SKIP() << "HOLM_LONG is not set";
    std::string machine = start("while :; do echo -n . >>/count; usleep 2000; done", "");
    auto counted = [&] { return sh(fmt::format("stat -c %s {}/count", root_)).out; };
    ASSERT_TRUE(eventually([&] { return counted() > "0"; }, 60s));
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    sleep_for(100ms);
    const std::string count_then = counted();
    const uint64_t used = number_of(machine, "payload/cpu.stat", "usage_usec");
    sleep_for(1s);
    EXPECT_EQ(counted(), count_then);
    EXPECT_EQ(number_of(machine, "payload/cpu.stat", "usage_usec"), used);
    ASSERT_TRUE(succeeds(holmctl({"thaw", machine})));
    EXPECT_TRUE(eventually([&] { return counted() != count_then; }, 60s));
}

TEST_F(VmLimitsTest, MemoryIsThrottledAndKilled)
{
    if (!long_form()) GTEST_SKIP() << "HOLM_LONG is not set";
    std::string machine = start("while :; do sleep 1000; done", "MemoryHigh = \"32M\"\nMemorySwapMax = 0\n");
    Process grower({"holmctl", "exec", machine, "--", "/bin/tail", "/dev/zero"}, {.stdio = Stdio::Pipes});
    EXPECT_TRUE(eventually([&] { return number_of(machine, "memory.events", "high") > 10; }, 60s)) << file_of(machine, "memory.events");
    EXPECT_EQ(number_of(machine, "memory.events", "oom_kill"), 0u) << "throttled, not killed";
    EXPECT_FALSE(grower.ended());
    EXPECT_LT(parse_number(trim(file_of(machine, "memory.current"))).value_or(0), uint64_t{64} << 20) << "what would take all goes slowly";
    // A limit that is set while it runs, and that is met.
    ASSERT_TRUE(set(machine, {"MemoryHigh=infinity", "MemoryMax=64M"}));
    EXPECT_NE(grower.wait(120s).code, 0);
    EXPECT_GE(number_of(machine, "memory.events", "oom_kill"), 1u) << file_of(machine, "memory.events");
    EXPECT_EQ(state_of(machine), "running");
    kill_holmd();
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(trim(file_of(machine, "memory.max")), "67108864");

    // PID 1 itself: the machine has failed of it, and is said to have.
    std::string dies = start("exec tail /dev/zero", "MemoryMax = \"64M\"\nMemorySwapMax = 0\n");
    ASSERT_TRUE(wait_for_state(dies, "failed", 120s));
    const std::string why = holmctl({"why", dies}).out;
    EXPECT_TRUE(has(why.substr(0, why.find('\n')), "out of memory")) << why;
    EXPECT_TRUE(has(holmctl({"status", dies}).out, "out of memory"));
    run({"systemctl", "reset-failed", service_of(dies)});
}

TEST_F(VmLimitsTest, AForkBombStaysWhereItIs)
{
    if (!long_form()) GTEST_SKIP() << "HOLM_LONG is not set";
    std::string bombed = start("while :; do sleep 1000; done", ""), other = start("while :; do sleep 1000; done", "");
    ASSERT_TRUE(set(bombed, {"TasksMax=40"}));
    Process bomb({"holmctl", "exec", bombed, "--", "/bin/sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000"}, {.stdio = Stdio::Pipes});
    EXPECT_TRUE(eventually(
        [&] { return number_of(bombed, "pids.events", "max") > 0 || number_of(bombed, "payload/pids.events", "max") > 0; }, 60s));
    EXPECT_LE(parse_number(trim(file_of(bombed, "pids.current"))).value_or(999), 40u);
    EXPECT_TRUE(succeeds(holmctl({"exec", other, "--", "/bin/sh", "-c", "for i in 1 2 3 4 5; do /bin/true | /bin/true; done"}, {}, 60s)));
    EXPECT_EQ(number_of(other, "pids.events", "max"), 0u);
    EXPECT_EQ(state_of(bombed), "running");
    EXPECT_EQ(state_of(other), "running");
    EXPECT_TRUE(succeeds(holmctl({"terminate", bombed}, {}, 60s)));
    bomb.wait(60s);
}

TEST_F(VmLimitsTest, AReadIsAsFastAsItMayBe)
{
    std::string machine = start("while :; do sleep 1000; done", "");
    ASSERT_TRUE(succeeds(sh(fmt::format("head -c 12M /dev/urandom >{}/data && sync", root_))));
    ASSERT_TRUE(set(machine, {fmt::format("IOReadBandwidthMax={} 3M", root_)}));
    EXPECT_TRUE(has(file_of(machine, "io.max"), "rbps=3000000"));
    // Of the page cache nothing is limited: it is read past it.
    auto rate = [&] {
        const std::string out =
            inside(machine, "cat /proc/uptime; dd if=/data of=/dev/null bs=64k iflag=direct 2>&1; cat /proc/uptime").out;
        const auto lines = split(trim(out), '\n');
        const double from = std::atof(std::string(lines.front()).c_str()), to = std::atof(std::string(lines.back()).c_str());
        return to > from ? 12 * 1048576.0 / (to - from) : 0;
    };
    double seen = 0;
    EXPECT_TRUE(eventually([&] { return std::abs((seen = rate()) / 3e6 - 1) <= 0.1; }, 90s)) << seen;
    fmt::print("IOReadBandwidthMax=3M: {:.2f} MB/s\n", seen / 1e6);
}

TEST_F(VmLimitsTest, TheMachinesRootRaisesNone)
{
    std::string machine = start("while :; do sleep 1000; done", "");
    ASSERT_TRUE(set(machine, {"MemoryMax=96M", "MemoryHigh=80M", "CPUQuota=50%", "CPUWeight=33", "TasksMax=50", "AllowedCPUs=1",
                              "hugetlb.2MB.max=64M"}));
    auto limits = [&] {
        std::string all;
        for (const char* file :
             {"memory.max", "memory.high", "cpu.max", "cpu.weight", "pids.max", "cpuset.cpus.effective", "hugetlb.2MB.max"})
            all += fmt::format("{} ", trim(file_of(machine, file)));
        return all;
    };
    const std::string wanted = "100663296 83886080 50000 100000 33 50 1 67108864 ";
    EXPECT_EQ(limits(), wanted);
    inside(machine,
           "cd /sys/fs/cgroup; for f in memory.max memory.high cpu.max pids.max hugetlb.2MB.max; do echo max >$f; echo max >../$f; done; "
           "echo 0-1 >cpuset.cpus; echo 0-1 >../cpuset.cpus; mount -t cgroup2 cgroup2 /mnt; echo max >/mnt/memory.max; "
           "echo max >/mnt/../memory.max");
    EXPECT_EQ(limits(), wanted);
    EXPECT_EQ(trim(inside(machine, "grep Cpus_allowed_list /proc/self/status | cut -f2").out), "1");
    EXPECT_NE(inside(machine, "i=0; while [ $i -lt 80 ]; do sleep 100 </dev/null >/dev/null 2>&1 & i=$((i+1)); done").code, 0);
    kill_holmd();
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(limits(), wanted);
}

}  // namespace holm::test
