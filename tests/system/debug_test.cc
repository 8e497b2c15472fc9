// holmctl debug: the host's tools in a machine's namespaces.
#include "base/text.h"
#include "host.h"

namespace holm::test {

class DebugTest : public SystemTest {
protected:
    // A root that holds one static binary and nothing else.
    std::string distroless()
    {
        const std::string root = folder() + "/distroless";
        EXPECT_TRUE(succeeds(sh(fmt::format("mkdir -p {0}/app && cp {1}/bin/busybox {0}/app/sleep", root, busybox()))));
        const std::string machine = name();
        EXPECT_TRUE(
            succeeds(holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--network=none", "--", "/app/sleep", "100000"})));
        EXPECT_TRUE(wait_for_state(machine, "running"));
        return machine;
    }
    static Outcome debug(const std::string& machine, const std::string& script, std::vector<std::string> options = {})
    {
        options.insert(options.begin(), "debug");
        options.insert(options.end(), {machine, "/bin/sh", "-c", script});
        return holmctl(options);
    }
};

TEST_F(DebugTest, BringsTheHostsToolsToARootThatHasNone)
{
    const std::string machine = distroless();
    EXPECT_TRUE(exits(holmctl({"exec", machine, "--", "/bin/sh"}), 127));
    Outcome outcome = debug(machine, "ls /machine/app; cat /proc/1/comm; hostname; ip -o link | wc -l; exit 7");
    EXPECT_TRUE(exits(outcome, 7));
    EXPECT_EQ(outcome.out, fmt::format("sleep\nsleep\n{}\n1\n", machine));
    EXPECT_TRUE(has(debug(machine, "timeout 2 strace -p 1 2>&1").out, "attached"));
    EXPECT_TRUE(exits(debug(machine, "touch /usr/x /etc/x"), 1)) << "the tools are read-only";
}

TEST_F(DebugTest, HasATerminalAndAnswersInAFrozenMachine)
{
    const std::string machine = distroless();
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    EXPECT_TRUE(exits(holmctl({"exec", machine, "--", "/app/sleep", "0"}), 125));
    Process process({"holmctl", "debug", machine}, {.stdio = Stdio::Terminal});
    process.write("echo $((40 + 2))-$(cat /proc/1/comm); tty; exit 3\n");
    EXPECT_TRUE(process.expect("42-sleep"));
    EXPECT_TRUE(exits(process.wait(20s), 3));
    ASSERT_TRUE(succeeds(holmctl({"thaw", machine})));
}

TEST_F(DebugTest, TakesToolsOfAnotherRoot)
{
    const std::string machine = distroless();
    Outcome outcome = debug(machine, "ls /machine/app; [ -e /usr/bin/holmctl ] || echo other", {"--tools=" + busybox()});
    EXPECT_EQ(outcome.out, "sleep\nother\n");
    EXPECT_TRUE(refuses(debug(machine, "true", {"--tools=no-such-image"}), 125, "no-such-image"));
    EXPECT_TRUE(refuses(debug(machine, "true", {"--tools=/no/such"}), 125, "/no/such"));
}

// No process of the machine may look into what has the host's privileges.
TEST_F(DebugTest, TheMachineCannotLookIntoIt)
{
    const std::string machine = background("exec sleep 100000", {"--network=none"});
    Process process({"holmctl", "debug", machine, "/bin/sh", "-c", "echo up; sleep 1000"});
    ASSERT_TRUE(process.expect("up\n"));
    Outcome outcome =
        holmctl({"exec", machine, "--", "/bin/sh", "-c",
                 "for p in /proc/[0-9]*; do grep -qs sleep $p/cmdline || continue; ls $p/root/ 2>/dev/null | grep -x machine; "
                 "cat $p/environ 2>/dev/null | grep -a machine; done"});
    EXPECT_EQ(outcome.out, "");
    process.signal(SIGTERM);
    process.wait(20s);
}

}  // namespace holm::test
