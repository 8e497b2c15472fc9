// Many times the same: nothing is left, nothing grows. The long form has the full counts.
#include <memory>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class ChurnTest : public SystemTest {
protected:
    static long resident_of_holmd()  // KiB
    {
        for (std::string_view line : split(content_of(fmt::format("/proc/{}/status", holmd_pid())), '\n'))
            if (line.starts_with("RssAnon:")) return strtol(std::string(trim(line.substr(8))).c_str(), nullptr, 10);
        return 0;
    }
    static size_t descriptors_of_holmd()
    {
        return static_cast<size_t>(atol(sh(fmt::format("ls /proc/{}/fd | wc -l", holmd_pid())).out.c_str()));
    }

    void SetUp() override
    {
        SystemTest::SetUp();
        for (int i = 0; i < 5; i++) foreground({"/bin/true"});  // what is made once is made
        holmd_ = holmd_pid();
        resident_ = resident_of_holmd();
        descriptors_ = descriptors_of_holmd();
    }
    void expect_flat()
    {
        EXPECT_EQ(holmd_pid(), holmd_) << "holmd was restarted";
        EXPECT_TRUE(eventually([&] { return descriptors_of_holmd() <= descriptors_; }))
            << descriptors_of_holmd() << " descriptors, were " << descriptors_;
        EXPECT_LT(resident_of_holmd(), resident_ + 1024) << "KiB, were " << resident_;
    }
    int holmd_ = 0;
    long resident_ = 0;
    size_t descriptors_ = 0;
};

// An init that reboots itself as often as it is told, the quickest there is.
TEST_F(ChurnTest, RebootsFromInside)
{
    int times = count(1000, 15);
    std::string machine = name(), root = busybox();
    write_file(root + "/count", "0\n");
    write_file(root + "/init",
               fmt::format("#!/bin/sh\nwhile [ ! -e /go ]; do sleep 0.02; done\nread n </count\nn=$((n+1))\necho $n >/count\n[ $n -gt {} ] "
                           "|| exec reboot -f\nexec sleep 1000\n",
                           times),
               0755);
    ASSERT_TRUE(succeeds(run({"ln", "-sfn", "/init", root + "/bin/init"})));
    // What is the same in all of its boots: uuid, MAC and address.
    auto identity = [&] {
        return machine_property(machine, "Id") +
               sh(fmt::format(
                      "nsenter -t {0} -n ip -o address show dev eth0 scope global | sed 's/^[0-9]*: //'; nsenter -t {0} -n ip -o link "
                      "show dev eth0 | grep -o 'link/ether [^ ]*'",
                      leader_of(machine)))
                   .out;
    };
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--boot", "--name=" + machine, "--root=" + root, "--network=holm0"})));
    const std::string before = identity();
    EXPECT_TRUE(has(before, " 10."));
    write_file(root + "/go", "");
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Boots") == fmt::format("u {}", times + 1); }, 600s))
        << machine_property(machine, "Boots") << " " << state_of(machine);
    EXPECT_TRUE(wait_for_state(machine, "running"));
    EXPECT_EQ(unit_state(scope_of(machine)), "active");
    EXPECT_EQ(identity(), before);
    EXPECT_EQ(sh("ls -d /sys/fs/cgroup/machine.slice/" + scope_of(machine) + "/*/ | wc -l").out, "2\n");
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    expect_flat();
}

TEST_F(ChurnTest, DebianReboots)
{
    std::string machine = boot();
    for (int i = 2; i <= count(30, 4); i++) {
        ASSERT_TRUE(succeeds(holmctl({"exec", machine, "--", "systemctl", "reboot"})));
        ASSERT_TRUE(
            eventually([&] { return machine_property(machine, "Boots") == fmt::format("u {}", i) && state_of(machine) == "running"; }, 40s))
            << i;
    }
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    expect_flat();
}

TEST_F(ChurnTest, StartStopCycles)
{
    std::string machine = background();
    for (int i = 0; i < count(300, 15); i++) {
        ASSERT_TRUE(succeeds(holmctl({"stop", machine}))) << i;
        ASSERT_EQ(unit_state(scope_of(machine)), "inactive") << i;
        ASSERT_TRUE(succeeds(holmctl({"start", machine}))) << i;
    }
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    expect_flat();
}

TEST_F(ChurnTest, ServiceCycles)
{
    std::string machine = name();
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    for (int i = 0; i < count(100, 8); i++) {
        ASSERT_TRUE(succeeds(run({"systemctl", "start", service_of(machine)}))) << i;
        ASSERT_TRUE(succeeds(run({"systemctl", "stop", service_of(machine)}))) << i;
    }
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    expect_flat();
}

TEST_F(ChurnTest, ForegroundRuns)
{
    std::string root = busybox();
    for (int i = 0; i < count(300, 30); i++)
        ASSERT_TRUE(succeeds(holmctl({"run", "--rm", "--name=fore", "--root=" + root, "--", "/bin/true"}))) << i;
    expect_flat();
}

TEST_F(ChurnTest, Execs)
{
    std::string machine = background();
    for (int i = 0; i < count(1000, 50); i++) ASSERT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"}))) << i;
    EXPECT_EQ(sh("ls -d /sys/fs/cgroup/machine.slice/" + scope_of(machine) + "/payload/holm-exec-* 2>/dev/null | wc -l").out, "0\n");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    expect_flat();
}

// On a network, and stopped by one command: when it is back nothing is left of any of them, and their names are free.
TEST_F(ChurnTest, ACrowdThatEndsAtOnce)
{
    const std::string small = busybox();
    const int many = count(100, 10);
    std::vector<std::string> machines;
    for (int i = 0; i < many; i++) machines.push_back(name("crowd"));
    auto links = [] { return sh("ip -o link | grep -c ': hm'").out; };
    const std::string before = links();
    for (int round = 0; round < 2; round++) {
        std::vector<std::unique_ptr<Process>> starts;
        for (const std::string& machine : machines)
            starts.push_back(std::make_unique<Process>(
                std::vector<std::string>{"holmctl", "run", "--detach", "--rm", "--ephemeral", "--network=holm0", "--name=" + machine,
                                         "--lower=" + small, "--", "/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"}));
        for (auto& start : starts) EXPECT_TRUE(succeeds(start->wait(180s)));
        EXPECT_NE(links(), before);
        std::vector<std::string> stop = {"stop"};
        stop.insert(stop.end(), machines.begin(), machines.end());
        EXPECT_TRUE(succeeds(holmctl(stop, {}, 180s)));
        EXPECT_EQ(links(), before);
        for (const std::string& machine : machines)
            EXPECT_FALSE(exists("/run/holm/machines/" + machine) || exists("/var/lib/holm/machines/" + machine) ||
                         has(holmctl({"list"}).out, machine))
                << machine;
    }
    expect_flat();
}

// Ten boot systemd: the machine below may have 128 inotify instances for all its hosts, and is not ours to change.
TEST_F(ChurnTest, ManyMachinesAtOnce)
{
    const std::string small = busybox();
    int many = count(50, 12);
    std::vector<std::string> machines;
    std::vector<std::unique_ptr<Process>> starts;
    for (int i = 0; i < many; i++) {
        machines.push_back(name("many"));
        std::vector<std::string> start = {"holmctl", "run", "--detach", "--ephemeral", "--name=" + machines.back()};
        if (i < 10) start.insert(start.end(), {"--boot", "--lower=" + guest()});
        else start.insert(start.end(), {"--lower=" + small, "--", "/bin/sleep", "1000"});
        starts.push_back(std::make_unique<Process>(start));
    }
    for (auto& start : starts) EXPECT_TRUE(succeeds(start->wait(180s)));
    for (const std::string& machine : machines) EXPECT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=180s"}, {}, 200s)));
    std::string listed = holmctl({"list"}).out;
    for (const std::string& machine : machines) EXPECT_TRUE(has(listed, machine));
    std::vector<std::unique_ptr<Process>> stops;
    for (const std::string& machine : machines)
        stops.push_back(std::make_unique<Process>(std::vector<std::string>{"holmctl", "stop", machine}));
    for (auto& stop : stops) EXPECT_TRUE(succeeds(stop->wait(180s)));
    for (const std::string& machine : machines) EXPECT_EQ(state_of(machine), "stopped");
    for (const std::string& machine : machines) EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    expect_flat();
}

}  // namespace holm::test
