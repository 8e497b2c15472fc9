// "While X is dead, verb Y still does Z": what must go on without holmd, D-Bus, machined; and what a dead supervisor means.
#include <functional>
#include <memory>

#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

// Kills a service and holds it dead until the end of the scope.
class Dead {
public:
    explicit Dead(std::vector<std::string> units) : units_(std::move(units))
    {
        for (const std::string& unit : units_) run({"systemctl", "mask", "--runtime", "--quiet", unit});
        for (const std::string& unit : units_) {
            run({"systemctl", "kill", "-s", "KILL", unit});
            run({"systemctl", "stop", unit});
            EXPECT_TRUE(eventually([&] { return unit_state(unit) != "active"; })) << unit;
        }
    }
    ~Dead()
    {
        for (const std::string& unit : units_) run({"systemctl", "unmask", "--runtime", "--quiet", unit});
        run({"systemctl", "reset-failed"});
        for (const std::string& unit : units_) EXPECT_TRUE(succeeds(run({"systemctl", "start", unit}))) << unit;
        EXPECT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s)) << "holmd does not come back";
    }

private:
    std::vector<std::string> units_;
};

class DaemonDeathTest : public SystemTest {
protected:
    static Dead holmd() { return Dead({"holmd.service"}); }
    static Dead machined() { return Dead({"systemd-machined.service"}); }

    static bool ends(const std::string& machine)
    {
        return eventually(
            [&] { return unit_state(scope_of(machine)) == "inactive" && !exists("/sys/fs/cgroup/machine.slice/" + scope_of(machine)); },
            30s);
    }
    static std::string alive(const std::string& machine)
    {
        return trim_of(sh("cat /sys/fs/cgroup/machine.slice/" + scope_of(machine) + "/payload/cgroup.events"));
    }
    static std::string trim_of(const Outcome& outcome) { return std::string(trim(outcome.out)); }

    // A console that echoes lines with "got ".
    std::string echoing()
    {
        return background("stty -echo; echo ready; trap 'echo orderly; exit 0' TERM; while :; do read line && echo \"got $line\"; done");
    }
};

TEST_F(DaemonDeathTest, WithoutHolmdConsolesAndSessionsGoOn)
{
    std::string machine = echoing();
    Process console({"holmctl", "attach", machine}, {.stdio = Stdio::Terminal});
    Process session({"holmctl", "exec", machine, "--", "/bin/sh", "-c", "echo up; while read x; do echo \"heard $x\"; done; exit 5"});
    Process terminal({"holmctl", "exec", "--tty", machine, "--", "/bin/sh", "-c", "stty -echo; echo up; read x; echo \"saw $x\"; exit 6"},
                     {.stdio = Stdio::Terminal});
    std::string foreground_machine = name();
    Process foreground_run({"holmctl", "run", "--rm", "--name=" + foreground_machine, "--root=" + busybox(), "--", "/bin/sh", "-c",
                            "echo up; read x; echo \"read $x\"; exit 8"});
    ASSERT_TRUE(console.expect("ready"));
    ASSERT_TRUE(session.expect("up"));
    ASSERT_TRUE(terminal.expect("up"));
    ASSERT_TRUE(foreground_run.expect("up"));
    {
        Dead dead = holmd();
        console.write("one\r");
        EXPECT_TRUE(console.expect("got one"));
        session.write("two\n");
        EXPECT_TRUE(session.expect("heard two"));
        terminal.write("three\r");
        EXPECT_TRUE(terminal.expect("saw three"));
        EXPECT_TRUE(exits(terminal.wait(10s), 6));
        foreground_run.write("four\n");
        EXPECT_TRUE(foreground_run.expect("read four"));
        EXPECT_TRUE(exits(foreground_run.wait(10s), 8));
    }
    session.write("five\n");
    EXPECT_TRUE(session.expect("heard five"));
    EXPECT_TRUE(exits(session.wait(10s), 5));
    console.write("six\r");
    EXPECT_TRUE(console.expect("got six"));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
}

TEST_F(DaemonDeathTest, WithoutHolmdStopsAreOrderly)
{
    std::string machine = echoing();
    Dead dead = holmd();
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    EXPECT_TRUE(ends(machine));
    EXPECT_TRUE(has(journal_of(scope_of(machine)), "orderly"));
}

TEST_F(DaemonDeathTest, WithoutHolmdAServiceStopsOrderly)
{
    std::string machine = name(), unit = service_of(machine);
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\nstop_signal = \"SIGTERM\"\ncommand = [\"/bin/sh\", \"-c\", \"trap 'echo "
                                "orderly; exit 0' TERM; while :; do sleep 1000 & wait $!; done\"]\n",
                                busybox()));
    ASSERT_TRUE(succeeds(run({"systemctl", "start", unit})));
    Dead dead = holmd();
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", unit})));
    EXPECT_EQ(unit_property(unit, "Result"), "success");
    EXPECT_TRUE(has(journal_of(unit), "orderly"));
}

TEST_F(DaemonDeathTest, WithoutHolmdTheMachineRebootsAndPowersOff)
{
    std::string machine = boot();
    int before = leader_of(machine);
    {
        Dead dead = holmd();
        run({"systemctl", "-M", machine, "reboot"});  // which may lose its answer to the reboot
        EXPECT_TRUE(eventually([&] { return kill(before, 0) != 0; }, 30s));
        EXPECT_TRUE(eventually([&] { return alive(machine).find("populated 1") != std::string::npos; }, 30s));
    }
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Boots") == "u 2" && state_of(machine) == "running"; }, 30s));
    EXPECT_NE(leader_of(machine), before);
    EXPECT_EQ(trim(run({"systemctl", "-M", machine, "is-system-running", "--wait"}).out), "running") << "machined has the new leader";
    {
        Dead dead = holmd();
        EXPECT_TRUE(succeeds(run({"machinectl", "poweroff", machine})));
        EXPECT_TRUE(ends(machine));
    }
    EXPECT_EQ(state_of(machine), "stopped");
}

TEST_F(DaemonDeathTest, WithoutHolmdAnExitIsRemembered)
{
    std::string machine = background("sleep 1; exit 0"), failing = background("sleep 1; exit 9");
    {
        Dead dead = holmd();
        EXPECT_TRUE(ends(machine));
        EXPECT_TRUE(ends(failing));
    }
    EXPECT_EQ(machine_property(machine, "LastResult"), "s \"exited\"");
    EXPECT_EQ(machine_property(machine, "LastStatus"), "i 0");
    EXPECT_EQ(machine_property(failing, "LastStatus"), "i 9");
}

TEST_F(DaemonDeathTest, WithoutHolmdTheUpperStaysLocked)
{
    std::string upper = folder() + "/upper", machine = name(), other = name();
    std::vector<std::string> options = {"--lower=" + busybox(), "--upper=" + upper, "--", "/bin/sh", "-c", "exec sleep 1000"};
    auto start = [&](const std::string& as) {
        std::vector<std::string> arguments = {"run", "--detach", "--name=" + as};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return holmctl(arguments);
    };
    ASSERT_TRUE(succeeds(start(machine)));
    kill_holmd();
    EXPECT_TRUE(refuses(start(other), 125, machine));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(DaemonDeathTest, HolmdIsActivatedByACall)
{
    std::string machine = background();
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", "holmd.service"})));
    EXPECT_TRUE(succeeds(holmctl({"list"})));
    EXPECT_GT(holmd_pid(), 0);
    EXPECT_EQ(state_of(machine), "running");
}

TEST_F(DaemonDeathTest, WhatCannotWorkWithoutHolmdSaysSo)
{
    std::string machine = background();
    Dead dead = holmd();
    EXPECT_TRUE(refuses(holmctl({"list"}), 1, "holmd"));
    EXPECT_TRUE(refuses(holmctl({"exec", machine, "--", "/bin/true"}), 125, "holmd"));
    EXPECT_TRUE(refuses(holmctl({"run", "--name=" + name(), "--root=" + busybox(), "--", "/bin/true"}), 125, "holmd"));
}

TEST_F(DaemonDeathTest, WhileMachinedIsDeadAllOfItWorks)
{
    Dead dead = machined();
    EXPECT_TRUE(exits(foreground({"/bin/sh", "-c", "exit 4"}), 4));
    std::string machine = boot();
    EXPECT_EQ(trim(holmctl({"exec", machine, "--", "systemctl", "is-system-running", "--wait"}).out), "running");
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Boots") == "u 2" && state_of(machine) == "running"; }, 40s));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(DaemonDeathTest, MachinedMayBeRestarted)
{
    std::string machine = boot();
    ASSERT_TRUE(succeeds(run({"systemctl", "restart", "systemd-machined.service"})));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(has(run({"machinectl", "list", "--no-legend"}).out, machine));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(DaemonDeathTest, WithoutDbusMachinesGoOn)
{
    std::string machine = echoing(), gone = background("sleep 2; exit 0");
    Process console({"holmctl", "attach", machine}, {.stdio = Stdio::Terminal});
    ASSERT_TRUE(console.expect("ready"));
    {
        Dead dead({"dbus.socket", "dbus.service"});
        console.write("one\r");
        EXPECT_TRUE(console.expect("got one"));
        EXPECT_TRUE(refuses(holmctl({"list"}), 1, "bus"));
        EXPECT_TRUE(ends(gone));
        EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)}))) << "no stop path needs D-Bus";
        EXPECT_TRUE(ends(machine));
        EXPECT_TRUE(has(journal_of(scope_of(machine)), "orderly"));
    }
    run({"systemctl", "restart", "systemd-logind.service", "systemd-machined.service", "polkit.service"});
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(wait_for_state(gone, "stopped"));
    EXPECT_TRUE(succeeds(foreground({"/bin/true"})));
}

// The machine is gone, wholly, and said to be failed; whoever was attached is told.
TEST_F(DaemonDeathTest, ADeadSupervisorIsADeadMachine)
{
    std::string machine = background("setsid sleep 1000 & exec sleep 1000");
    Process session({"holmctl", "exec", machine, "--", "/bin/sh", "-c", "echo up; sleep 1000"});
    ASSERT_TRUE(session.expect("up"));
    int supervisor = atoi(sh("cat /sys/fs/cgroup/machine.slice/" + scope_of(machine) + "/supervisor/cgroup.procs").out.c_str());
    ASSERT_GT(supervisor, 1);
    kill(supervisor, SIGKILL);
    EXPECT_TRUE(ends(machine)) << run({"systemctl", "status", "--no-pager", scope_of(machine)}).out;
    EXPECT_TRUE(wait_for_state(machine, "failed"));
    EXPECT_TRUE(exits(session.wait(10s), 125));
    EXPECT_TRUE(has(machine_property(machine, "LastFailure"), "supervisor"));
    // It can be started again.
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(state_of(machine), "running");
}

TEST_F(DaemonDeathTest, ADeadSupervisorOfAServiceIsAFailedUnit)
{
    std::string machine = name(), unit = service_of(machine);
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    kill(static_cast<pid_t>(parse_number(unit_property(unit, "MainPID")).value_or(0)), SIGKILL);
    EXPECT_TRUE(wait_for_state(machine, "failed"));
    EXPECT_TRUE(eventually([&] { return unit_state(unit) == "failed"; })) << unit_state(unit);  // first systemd ends what it has left
    EXPECT_EQ(unit_property(unit, "Result"), "signal");
}

TEST_F(DaemonDeathTest, AStoppedSupervisorDoesNotBlockHolmd)
{
    std::string machine = background(), other = background();
    int supervisor = atoi(sh("cat /sys/fs/cgroup/machine.slice/" + scope_of(machine) + "/supervisor/cgroup.procs").out.c_str());
    ASSERT_GT(supervisor, 1);
    kill(supervisor, SIGSTOP);
    Outcome stuck = holmctl({"exec", machine, "--", "/bin/true"}, {}, 30s);
    EXPECT_TRUE(refuses(stuck, 125, machine));
    EXPECT_TRUE(succeeds(holmctl({"exec", other, "--", "/bin/true"})));
    EXPECT_TRUE(succeeds(holmctl({"list"}, {}, 5s)));
    kill(supervisor, SIGCONT);
    EXPECT_TRUE(eventually([&] { return holmctl({"exec", machine, "--", "/bin/true"}).code == 0; }));
}

// daemon-reload and daemon-reexec change nothing for what runs.
TEST_F(DaemonDeathTest, SystemdMayBeReloaded)
{
    std::string machine = echoing();
    Process console({"holmctl", "attach", machine}, {.stdio = Stdio::Terminal});
    ASSERT_TRUE(console.expect("ready"));
    for (int i = 0; i < count(100, 3); i++) {
        ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reload"})));
        ASSERT_TRUE(succeeds(run({"systemctl", "daemon-reexec"})));
    }
    console.write("one\r");
    EXPECT_TRUE(console.expect("got one"));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(unit_property(scope_of(machine), "NeedDaemonReload"), "no");
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/sh", "-c", "echo x >/dev/null && head -c 1 /dev/urandom >/dev/null"})));
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
}

}  // namespace holm::test
