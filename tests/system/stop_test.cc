// An orderly stop that takes its time: what a person is told meanwhile, and what ends it.
#include <chrono>

#include "host.h"

namespace holm::test {

class StopTest : public SystemTest {
protected:
    // A machine that runs and takes no notice of the stop signal.
    std::string stubborn()
    {
        std::string machine = name();
        define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\nstop_signal = \"SIGTERM\"\nstop_timeout = \"60s\"\n"
                                    "command = [\"/bin/sh\", \"-c\", \"trap '' TERM; while :; do sleep 1; done\"]\n",
                                    busybox()));
        EXPECT_TRUE(succeeds(holmctl({"start", machine})));
        return machine;
    }
};

TEST_F(StopTest, AStopsOwnLimitKillsWhatIsLeft)
{
    const std::string machine = stubborn();
    EXPECT_EQ(machine_property(machine, "StopTimeoutUSec"), "t 60000000");
    const auto begin = std::chrono::steady_clock::now();
    const Outcome stopped = holmctl({"stop", "--timeout=3s", machine});
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_TRUE(succeeds(stopped));
    EXPECT_EQ(stopped.err, "") << "it is no terminal";
    EXPECT_GE(took, 3s);
    EXPECT_LT(took, 40s);
    EXPECT_EQ(state_of(machine), "stopped");
    EXPECT_EQ(machine_property(machine, "LastResult"), "s \"killed\"");
    EXPECT_EQ(machine_property(machine, "StopTimeoutUSec"), "t 0");
}

TEST_F(StopTest, ALimitThatIsNotReachedKillsNobody)
{
    const std::string machine = background("trap 'sleep 1; exit 7' TERM; while :; do sleep 0.1; done");
    ASSERT_TRUE(eventually([&] { return (std::stoull("0" + status_line(leader_of(machine), "SigCgt"), nullptr, 16) >> 14 & 1) != 0; }));
    EXPECT_TRUE(succeeds(holmctl({"stop", "--timeout=30s", machine})));
    EXPECT_EQ(machine_property(machine, "LastResult"), "s \"exited\"");
    EXPECT_EQ(machine_property(machine, "LastStatus"), "i 7");
}

TEST_F(StopTest, OnATerminalItIsSaidWhatIsWaitedFor)
{
    const std::string machine = stubborn();
    Process stop({"holmctl", "stop", machine}, {.stdio = Stdio::Terminal});
    EXPECT_TRUE(stop.expect("waiting for machine '" + machine + "' to shut down")) << stop.out();
    EXPECT_TRUE(stop.expect("killed within 58s (stop_timeout), or at once by 'holmctl terminate " + machine + "'")) << stop.out();
    Process again({"holmctl", "stop", "--timeout=4s", machine}, {.stdio = Stdio::Terminal});
    EXPECT_TRUE(again.expect("killed within 2s (--timeout)")) << again.out();
    EXPECT_EQ(again.wait().code, 0);
    EXPECT_EQ(stop.wait().code, 0);
    EXPECT_EQ(state_of(machine), "stopped");
}

}  // namespace holm::test
