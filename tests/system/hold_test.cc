// start --hold, continue, abort: a start that stops at a step, is looked at, and goes on or leaves nothing.
#include "base/text.h"
#include "network_fixture.h"

namespace holm::test {

class HoldTest : public NetworkTest {
protected:
    std::string defined(const std::string& more = "")
    {
        const std::string machine = name("held");
        define(
            machine,
            fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n[[network]]\nnetwork = \"holm0\"\n{}",
                        busybox(), "echo begun >/begun; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done", more));
        return machine;
    }
    static Outcome debug(const std::string& machine, const std::string& script)
    {
        return holmctl({"debug", machine, "/bin/sh", "-c", script}, {}, 20s);
    }
    static std::string held(const std::string& machine) { return machine_property(machine, "Held"); }
    // Nothing of the machine is there but what it had before.
    static testing::AssertionResult is_gone(const std::string& machine)
    {
        const std::string left =
            sh(fmt::format("ls -d /run/holm/machines/{0} 2>/dev/null; ip -o link | grep -c holm0; pgrep -f '[m]achine={0}'; ls "
                           "/sys/fs/cgroup/machine.slice 2>/dev/null | grep -F {0}; grep -c {0} /proc/self/mountinfo",
                           machine))
                .out;
        return left == "0\n0\n" ? testing::AssertionSuccess() : testing::AssertionFailure() << left;
    }
};

TEST_F(HoldTest, StopsAtEachStepAndGoesOn)
{
    for (const char* step : {"mounts", "network", "init"}) {
        const std::string machine = defined(fmt::format("[[mount]]\nsource = \"{}\"\ntarget = \"/extra\"\n", folder()));
        Outcome begun = holmctl({"start", std::string("--hold=") + step, machine});
        ASSERT_TRUE(succeeds(begun));
        EXPECT_TRUE(has(begun.err, fmt::format("held at step {}", step)));
        EXPECT_EQ(state_of(machine), "starting");
        EXPECT_EQ(held(machine), fmt::format("s \"{}\"", step));
        EXPECT_TRUE(has(holmctl({"status", machine}).out, fmt::format("Held: at step '{}'", step)));
        Outcome looked = debug(machine,
                               "ls -d /machine/begun /machine/extra; grep -c ' /machine/proc ' /proc/self/mountinfo; "
                               "ip -4 -o address show dev eth0 | wc -l; hostname");
        EXPECT_EQ(looked.out,
                  "/machine/extra\n1\n1\n" + (step == std::string("mounts") ? std::string(trim(sh("hostname").out)) : machine) + "\n")
            << looked.err;
        EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "holmctl continue"));
        EXPECT_TRUE(refuses(holmctl({"exec", machine, "--", "/bin/true"}), 125, machine));
        ASSERT_TRUE(succeeds(holmctl({"continue", machine})));
        EXPECT_EQ(state_of(machine), "running");
        EXPECT_EQ(held(machine), "s \"\"");
        EXPECT_TRUE(refuses(holmctl({"continue", machine}), 1, "not held"));
        EXPECT_TRUE(refuses(holmctl({"abort", machine}), 1, "not held"));
        EXPECT_TRUE(
            succeeds(inside(machine, fmt::format("test -e /begun && ping -c 1 -W 2 {} >/dev/null || true; test -e /begun", server))));
        // A reboot is not held; the next start neither.
        ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
        EXPECT_EQ(state_of(machine), "running");
        ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
        EXPECT_TRUE(eventually([&] { return bool(is_gone(machine)); }, 5s)) << is_gone(machine).message();
    }
}

TEST_F(HoldTest, AnAbortLeavesNothing)
{
    const std::string machine = defined();
    // An earlier machine may have had the same name.
    auto events = [&](const char* what) {
        return sh(fmt::format("holmctl --no-pager events --since=@9 {} | grep -c '{}' || true", machine, what)).out;
    };
    const std::string starts = events("has started"), ends = events("has stopped");
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=network", machine})));
    Outcome why = holmctl({"why", machine});
    EXPECT_TRUE(has(why.out, "is held at step 'network'"));
    EXPECT_TRUE(has(why.out, "holmctl continue " + machine));
    EXPECT_TRUE(has(holmctl({"--json=short", "why", machine}).out, R"("Held":"network")"));
    ASSERT_TRUE(succeeds(holmctl({"abort", machine})));
    EXPECT_EQ(state_of(machine), "stopped");
    EXPECT_TRUE(eventually([&] { return bool(is_gone(machine)); }, 5s)) << is_gone(machine).message();
    EXPECT_TRUE(refuses(holmctl({"abort", machine}), 1, "--hold"));
    EXPECT_TRUE(refuses(holmctl({"continue", "no-such"}), 1, "no-such"));
    EXPECT_TRUE(refuses(holmctl({"start", "--hold=supper", machine}), 2, "on-fail"));
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=init", machine})));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(eventually([&] { return bool(is_gone(machine)); }, 5s)) << is_gone(machine).message();
    // None of them has started.
    EXPECT_TRUE(eventually([&] { return std::stoi(events("has stopped")) == std::stoi(ends) + 2; }, 20s));
    EXPECT_EQ(events("has started"), starts);
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(refuses(holmctl({"start", "--hold=network", machine}), 1, "runs already"));
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
}

// The time for the start does not run while it is held.
TEST_F(HoldTest, TheTimeOfTheStartStandsStill)
{
    const std::string machine = name("slow");
    define(machine,
           fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\nstart_timeout = \"3s\"\nstop_signal = "
                       "\"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n",
                       busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=mounts", machine})));
    sleep(5);
    EXPECT_EQ(state_of(machine), "starting");
    ASSERT_TRUE(succeeds(holmctl({"continue", machine})));
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(HoldTest, OnFailHoldsOnlyWhatFails)
{
    const std::string machine = defined();
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=on-fail", machine})));
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));

    // A user that the machine does not have is found inside; a folder below a file, outside.
    const std::string nobody = name("nobody"), below = name("below"), root = busybox();
    define(nobody, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\nuser = \"no-such-user\"\n", root));
    Outcome begun = holmctl({"start", "--hold=on-fail", nobody});
    ASSERT_TRUE(succeeds(begun));
    EXPECT_TRUE(has(begun.err, "no-such-user"));
    EXPECT_TRUE(has(machine_property(nobody, "HeldWhy"), "no-such-user"));
    EXPECT_TRUE(has(debug(nobody, "ls /machine/bin").out, "busybox"));
    EXPECT_TRUE(refuses(holmctl({"continue", nobody}), 1, "no-such-user"));
    EXPECT_EQ(state_of(nobody), "failed");
    EXPECT_TRUE(eventually([&] { return bool(is_gone(nobody)); }, 5s));

    define(below,
           fmt::format(
               "[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\n[[mount]]\nsource = \"{}\"\ntarget = \"/bin/busybox/x\"\n",
               root, folder()));
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=on-fail", below})));
    EXPECT_TRUE(has(machine_property(below, "HeldWhy"), "/bin/busybox/x"));
    EXPECT_TRUE(succeeds(debug(below, "true")));
    ASSERT_TRUE(succeeds(holmctl({"abort", below})));
    EXPECT_EQ(state_of(below), "stopped");
    EXPECT_TRUE(eventually([&] { return bool(is_gone(below)); }, 5s));
}

TEST_F(HoldTest, WhoeverDiesLeavesNothing)
{
    const std::string machine = defined();
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=network", machine})));
    kill_holmd();
    EXPECT_TRUE(eventually([&] { return held(machine) == "s \"network\""; }, 10s));
    ASSERT_TRUE(succeeds(holmctl({"continue", machine})));
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));

    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=network", machine})));
    sh(fmt::format("kill -9 {}", unit_property(service_of(machine), "MainPID")));
    EXPECT_TRUE(eventually([&] { return state_of(machine) == "failed" && is_gone(machine); }, 20s)) << is_gone(machine).message();

    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=init", machine})));
    sh(fmt::format("kill -9 {}", leader_of(machine)));
    EXPECT_TRUE(eventually([&] { return state_of(machine) == "failed" && is_gone(machine); }, 20s)) << is_gone(machine).message();

    // Outside it is holm-setup that waits.
    define(machine,
           fmt::format(
               "[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\n[[mount]]\nsource = \"{}\"\ntarget = \"/bin/busybox/x\"\n",
               busybox(), folder()));
    ASSERT_TRUE(succeeds(holmctl({"start", "--hold=on-fail", machine})));
    sh("kill -9 $(pgrep -x holm-setup | head -n 1)");
    EXPECT_TRUE(eventually([&] { return state_of(machine) == "failed" && is_gone(machine); }, 20s)) << is_gone(machine).message();
}

}  // namespace holm::test
