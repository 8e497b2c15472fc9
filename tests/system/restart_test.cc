// What goes on without an admin: restarts by policy, health, and what a start waits for.
#include "host.h"

namespace holm::test {

class RestartTest : public SystemTest {
protected:
    std::string defined(const std::string& script, const std::string& payload = "", const std::string& more = "")
    {
        std::string machine = name();
        root_ = busybox();
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", '''{}''']\nstop_signal = "
                                    "\"SIGTERM\"\n{}\n{}",
                                    root_, script, payload, more));
        return machine;
    }
    static int boots_of(const std::string& machine) { return std::atoi(machine_property(machine, "Boots").c_str() + 2); }
    std::string root_;
};

constexpr const char* stays = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

TEST_F(RestartTest, AfterACrashInTheSameUnit)
{
    std::string machine = defined(stays, "restart = \"on-failure\"\nrestart_delay = \"50ms\"\n"), unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const std::string invocation = unit_property(unit, "InvocationID"), id = machine_property(machine, "Id");
    const int supervisor = std::atoi(unit_property(unit, "MainPID").c_str());
    for (int i = 2; i <= 4; ++i) {
        ASSERT_TRUE(succeeds(holmctl({"kill", "--kill-whom=leader", "-s", "KILL", machine})));
        ASSERT_TRUE(eventually([&] { return boots_of(machine) == i && state_of(machine) == "running"; }));
    }
    EXPECT_EQ(unit_property(unit, "InvocationID"), invocation);
    EXPECT_EQ(machine_property(machine, "Id"), id);
    EXPECT_EQ(std::atoi(unit_property(unit, "MainPID").c_str()), supervisor);
    EXPECT_TRUE(has(journal_of(unit), "it is started again in 200ms"));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(state_of(machine), "stopped");
    sleep_for(500ms);
    EXPECT_EQ(unit_state(unit), "inactive") << "an admin's stop";
}

// What is asked of a machine after its reboot meets the next boot.
TEST_F(RestartTest, ARebootIsSeen)
{
    std::string machine = defined("trap 'sleep 1; exit 0' TERM; while :; do sleep 1000 & wait $!; done");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    for (int boots = 2; boots <= 3; ++boots) {
        const int leader = leader_of(machine);
        ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
        EXPECT_EQ(boots_of(machine), boots);
        EXPECT_NE(leader_of(machine), leader);
        EXPECT_TRUE(succeeds(inside(machine, "true")));
    }
    // A file that is gone ends it at its next boot.
    run({"rm", root_ + "/bin/sh"});
    EXPECT_TRUE(refuses(holmctl({"reboot", machine}), 1, "/bin/sh"));
    EXPECT_TRUE(refuses(holmctl({"reboot", machine}), 1, "does not run"));
    run({"systemctl", "reset-failed", service_of(machine)});
}

// Nobody has to read the journal for why it was started again.
TEST_F(RestartTest, TheReasonOfARestartIsTold)
{
    std::string machine = defined(std::string("read n </count; echo $((n+1)) >/count; [ $n -gt 0 ] || { sleep 0.3; exit 3; }; ") + stays,
                                  "restart = \"always\"\nrestart_delay = \"20s\"\n");
    write_file(root_ + "/count", "0\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return machine_property(machine, "Restarts") == "u 1"; }));
    EXPECT_EQ(state_of(machine), "starting");
    EXPECT_TRUE(has(machine_property(machine, "RestartedAfter"), "exit status 3"));
    EXPECT_NE(machine_property(machine, "NextBootMonotonic"), "t 0");
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "starting again in "));
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "s: exit status 3"));
    // Whoever wants it now does not wait for the end of the delay.
    EXPECT_TRUE(succeeds(holmctl({"start", machine}, "", 10s)));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(boots_of(machine), 2);
    EXPECT_EQ(machine_property(machine, "NextBootMonotonic"), "t 0");
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "Restarts: 1, last after: exit status 3"));
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "is running; restarts by its policy: 1, last after: exit status 3"));
    EXPECT_TRUE(has(holmctl({"--json=short", "why", machine}).out, R"("Restarts":1)"));
    EXPECT_TRUE(eventually(
        [&] { return has(holmctl({"--no-pager", "events", "--since=@9", machine}).out, "is started again after: exit status 3"); }));
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Restarts") == "u 1"; })) << "of its supervisor";
    // A reboot that somebody has asked for is no restart.
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_EQ(machine_property(machine, "Restarts"), "u 1");
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_EQ(machine_property(machine, "Restarts"), "u 0");
}

// Where a limit of memory acts.
using VmRestartTest = OnlyInVm<RestartTest>;

TEST_F(VmRestartTest, AWantOfMemoryIsTheReasonOfARestart)
{
    std::string machine =
        defined("if test -e /been; then exec sleep 1000; fi; touch /been; sleep 0.3; exec tail /dev/zero",
                "restart = \"on-failure\"\nrestart_delay = \"20ms\"\n", "[resources]\nMemoryMax = \"32M\"\nMemorySwapMax = 0\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return boots_of(machine) == 2 && state_of(machine) == "running"; }, 30s));
    EXPECT_TRUE(has(holmctl({"why", machine}).out, "memory"));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "memory"));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(RestartTest, TheLimitEndsIt)
{
    std::string machine = defined("sleep 0.1; exit 7", "restart = \"always\"\nrestart_delay = \"20ms\"\nrestart_limit = 3\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(wait_for_state(machine, "failed"));
    EXPECT_TRUE(has(machine_property(machine, "LastFailure"), "ended 4 times within 10min"));
    EXPECT_TRUE(has(machine_property(machine, "LastFailure"), "exit status 7"));
    EXPECT_EQ(unit_state(service_of(machine)), "failed");
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "restart_limit"));
    const std::string why = holmctl({"why", machine}).out;
    EXPECT_TRUE(has(why, "run         failed")) << "not where its start has failed";
    EXPECT_TRUE(has(why, "command     done"));
    run({"systemctl", "reset-failed", service_of(machine)});
}

// Crash after crash, as quickly as a definition may ask for: unit, supervisor, uuid and address are the same after all of them.
TEST_F(RestartTest, ManyCrashesAreOneMachine)
{
    const int crashes = count(1000, 20);
    std::string machine =
        defined(fmt::format("read n </count; n=$((n+1)); echo $n >/count; [ $n -gt {} ] || exit 7; {}", crashes, stays),
                "restart = \"on-failure\"\nrestart_delay = \"0s\"\nrestart_limit = 0\n", "[[network]]\nnetwork = \"holm0\"\n");
    write_file(root_ + "/count", fmt::format("{}\n", crashes));  // the first boot stays
    const std::string unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    auto identity = [&] {
        return unit_property(unit, "InvocationID") + unit_property(unit, "MainPID") + machine_property(machine, "Id") +
               inside(machine, "ip -o address show dev eth0 | grep -w inet").out + inside(machine, "cat /sys/class/net/eth0/address").out;
    };
    const std::string before = identity();
    EXPECT_TRUE(has(before, " 10."));
    write_file(root_ + "/count", "0\n");
    ASSERT_TRUE(succeeds(holmctl({"kill", "--kill-whom=leader", "-s", "KILL", machine})));
    EXPECT_TRUE(eventually([&] { return boots_of(machine) == crashes + 2 && state_of(machine) == "running"; }, 1200s)) << boots_of(machine);
    EXPECT_EQ(content_of(root_ + "/count"), fmt::format("{}\n", crashes + 1));
    EXPECT_EQ(identity(), before);
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(RestartTest, HoldsWithoutHolmdAndStopsByTheUnit)
{
    std::string machine = defined(stays, "restart = \"always\"\nrestart_delay = \"50ms\"\n"), unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const int leader = leader_of(machine);
    ASSERT_TRUE(succeeds(run({"systemctl", "stop", "holmd.service"})));
    ASSERT_TRUE(succeeds(run({"kill", "-9", std::to_string(leader)})));
    EXPECT_TRUE(eventually([&] { return has(journal_of(unit), "it is started again") && boots_of(machine) == 2; }));
    ASSERT_TRUE(succeeds(run({"systemctl", "stop", unit})));
    sleep_for(300ms);
    EXPECT_EQ(unit_state(unit), "inactive");
    EXPECT_EQ(state_of(machine), "stopped");
}

TEST_F(RestartTest, AStartWaitsForItsReadyCheck)
{
    std::string machine = defined("sleep 1; touch /up; exec sleep 1000", "ready = \"command:/bin/test -e /up\"\n");
    Process start({"holmctl", "start", machine});
    ASSERT_TRUE(wait_for_state(machine, "starting"));
    EXPECT_FALSE(start.ended());
    EXPECT_FALSE(exists(root_ + "/up"));
    EXPECT_TRUE(succeeds(start.wait()));
    EXPECT_TRUE(exists(root_ + "/up"));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(RestartTest, APortOfTheMachine)
{
    std::string machine = defined("sleep 0.7; exec nc -l -p 8080 -e cat", "ready = \"port:8080\"\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"wait", machine, "port:8080", "--timeout=5s"})));
    EXPECT_TRUE(refuses(holmctl({"wait", machine, "port:8081", "--timeout=500ms"}), 1, "port:8081"));
    EXPECT_TRUE(refuses(holmctl({"wait", machine, "port:0"}), 2, "port"));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    std::string late = defined("exec sleep 1000", "ready = \"port:8080\"\nstart_timeout = \"1s\"\n");
    EXPECT_TRUE(refuses(holmctl({"start", late}), 1, "port 8080 of the machine"));
    run({"systemctl", "reset-failed", service_of(late)});
}

TEST_F(RestartTest, HealthIsShownAndActedUpon)
{
    std::string health = "[health]\ncommand = [\"/bin/test\", \"-e\", \"/well\"]\ninterval = \"100ms\"\nretries = 2\n";
    std::string machine = defined(std::string("touch /well; ") + stays, "restart_delay = \"50ms\"\n", health);
    // An earlier machine may have had the same name.
    auto told = [&] {
        return std::stoi(sh(fmt::format("holmctl --no-pager events --since=@9 {} | grep -c ' is unhealthy' || true", machine)).out);
    };
    const int before = told();
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Health") == "s \"healthy\""; }));
    run({"rm", root_ + "/well"});
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Health") == "s \"unhealthy\""; }));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "unhealthy"));
    EXPECT_TRUE(has(unit_property(service_of(machine), "StatusText"), "Unhealthy"));
    // A holmd that is started anew hears of it, which is no news.
    EXPECT_TRUE(eventually([&] { return told() == before + 1; }));
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Health") == "s \"unhealthy\""; }));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
    EXPECT_EQ(told(), before + 1);
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));

    std::string again = defined(std::string("touch /well; ") + stays, "restart_delay = \"50ms\"\n", health + "on_failure = \"restart\"\n");
    ASSERT_TRUE(succeeds(holmctl({"start", again})));
    ASSERT_TRUE(eventually([&] { return exists(root_ + "/well"); }));
    run({"rm", root_ + "/well"});
    EXPECT_TRUE(eventually([&] { return boots_of(again) == 2 && machine_property(again, "Health") == "s \"healthy\""; }));
    ASSERT_TRUE(succeeds(holmctl({"terminate", again})));
    run({"rm", root_ + "/well"});

    std::string over = defined(std::string("touch /well; ") + stays, "", health + "on_failure = \"stop\"\n");
    ASSERT_TRUE(succeeds(holmctl({"start", over})));
    ASSERT_TRUE(eventually([&] { return exists(root_ + "/well"); }));
    run({"rm", root_ + "/well"});
    ASSERT_TRUE(wait_for_state(over, "failed"));
    EXPECT_TRUE(has(machine_property(over, "LastFailure"), "unhealthy"));
    run({"systemctl", "reset-failed", service_of(over)});
}

// A check that hangs is killed with all that it has started.
TEST_F(RestartTest, ACheckThatHangsLeavesNothing)
{
    std::string machine = defined(stays, "",
                                  "[health]\ncommand = [\"/bin/sh\", \"-c\", \"sleep 4321 & sleep 4321\"]\ninterval = \"100ms\"\n"
                                  "timeout = \"200ms\"\nretries = 2\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Health") == "s \"unhealthy\""; }));
    EXPECT_TRUE(has(journal_of(service_of(machine)), "longer than 200ms"));
    EXPECT_TRUE(eventually([&] { return std::atoi(sh("pgrep -fc 'sleep 4321'").out.c_str()) <= 3; }));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(RestartTest, AUnitOfTheMachine)
{
    std::string machine = boot();
    EXPECT_TRUE(succeeds(holmctl({"wait", machine, "unit:systemd-journald.service", "--timeout=10s"})));
    EXPECT_TRUE(refuses(holmctl({"wait", machine, "unit:no-such.service", "--timeout=500ms"}), 1, "no-such"));
    // What says READY=1 and is not PID 1 is not listened to.
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    EXPECT_TRUE(refuses(holmctl({"wait", machine, "unit:systemd-journald.service", "--timeout=500ms"}), 1, machine));
    ASSERT_TRUE(succeeds(holmctl({"thaw", machine})));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

// A thousand crashes in one unit; the delay is short and there is no limit.
TEST_F(RestartTest, ManyCrashesByPolicy)
{
    const int crashes = 20;
    std::string machine = defined("exit 1", "restart = \"always\"\nrestart_delay = \"0s\"\nrestart_limit = 0\n"),
                unit = service_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const std::string invocation = unit_property(unit, "InvocationID"), id = machine_property(machine, "Id");
    ASSERT_TRUE(eventually([&] { return boots_of(machine) > crashes; }, std::chrono::seconds(crashes / 2 + 30))) << boots_of(machine);
    EXPECT_EQ(unit_property(unit, "InvocationID"), invocation);
    EXPECT_EQ(machine_property(machine, "Id"), id);
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(unit_state(unit), "inactive");
}

}  // namespace holm::test
