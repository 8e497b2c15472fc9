// holmctl run in the foreground: what the command gives and takes is what the caller gives and takes, with and without a
// terminal.
#include <csignal>
#include <memory>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class RunTest : public SystemTest {
protected:
    static std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

    // A foreground machine with a terminal of 24 × 80.
    std::unique_ptr<Process> terminal(const std::string& script, unsigned short rows = 24, unsigned short columns = 80)
    {
        return std::make_unique<Process>(std::vector<std::string>{"holmctl", "run", "--rm", "--tty", "--name=" + name("tty"),
                                                                  "--root=" + busybox(), "--", "/bin/sh", "-c", script},
                                         Start{.stdio = Stdio::Terminal, .rows = rows, .columns = columns});
    }
};

TEST_F(RunTest, GivesTheCommandsCode)
{
    EXPECT_TRUE(succeeds(foreground({"/bin/true"})));
    EXPECT_TRUE(exits(foreground({"/bin/false"}), 1));
    for (int code : {2, 42, 124, 125, 126, 127, 128, 255}) EXPECT_TRUE(exits(foreground(shell(fmt::format("exit {}", code))), code));
}

TEST_F(RunTest, FindsTheCommandInThePathOfTheMachine)
{
    Outcome outcome = foreground({"echo", "found"});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(outcome.out, "found\n");
}

// A PID 1 without a handler would never get these; the supervisor makes them mean what they mean to any process.
TEST_F(RunTest, TellsASignal)
{
    for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
        const std::string machine = name();
        Process process({"holmctl", "run", "--rm", "--name=" + machine, "--root=" + busybox(), "--", "/bin/sleep", "100"});
        // The supervisor's own process, before it executes that, has handlers.
        ASSERT_TRUE(eventually([&] { return content_of(fmt::format("/proc/{}/comm", leader_of(machine))) == "sleep\n"; }));
        process.signal(signal);
        EXPECT_TRUE(exits(process.wait(20s), 128 + signal)) << "signal " << signal;
    }
}

// The answer to the kill and the end that it brings race to holmd: the answer is never lost.
TEST_F(RunTest, TellsAKill)
{
    for (int turn = 0; turn < 8; ++turn) {
        std::string machine = name();
        Process process(
            {"holmctl", "run", "--rm", "--name=" + machine, "--root=" + busybox(), "--", "/bin/sh", "-c", "echo up; exec sleep 100"});
        ASSERT_TRUE(process.expect("up\n"));
        EXPECT_TRUE(succeeds(holmctl({"kill", "-s", "KILL", machine})));
        EXPECT_TRUE(exits(process.wait(20s), 128 + SIGKILL));
    }
}

// The kernel drops what the keys of a terminal send to a PID 1 without a handler; here they do what they do to any process.
TEST_F(RunTest, TheKeysOfATerminalEndACommand)
{
    // No shell: the one of busybox catches or ignores these itself, until it executes another program.
    for (auto [key, signal] : {std::pair("\x03", SIGINT), {"\x1c", SIGQUIT}}) {
        Process process(
            {"holmctl", "run", "--rm", "--tty", "--name=" + name("tty"), "--root=" + busybox(), "--", "/bin/cat", "/etc/passwd", "-"},
            {.stdio = Stdio::Terminal});
        ASSERT_TRUE(process.expect("root:"));
        process.write(key);
        EXPECT_TRUE(exits(process.wait(20s), 128 + signal));
    }
    auto catching = terminal("trap 'exit 7' INT; echo up; while :; do sleep 100 & wait $!; done");
    ASSERT_TRUE(catching->expect("up\r\n"));
    catching->write("\x03");
    EXPECT_TRUE(exits(catching->wait(20s), 7));
    // What ignores it goes on, and a terminal that makes no signals of keys passes the byte.
    auto deaf = terminal("trap '' INT; echo up; read line; echo got $line");
    ASSERT_TRUE(deaf->expect("up\r\n"));
    deaf->write("\x03");
    ASSERT_TRUE(deaf->expect("^C"));
    deaf->write("more\r");
    EXPECT_TRUE(deaf->expect("got more"));
    EXPECT_TRUE(exits(deaf->wait(20s), 0));
    auto raw = terminal("stty raw -echo; echo up; dd bs=1 count=1 2>/dev/null | od -An -tx1");
    ASSERT_TRUE(raw->expect("up"));
    raw->write("\x03");
    EXPECT_TRUE(raw->expect("03"));
    EXPECT_TRUE(exits(raw->wait(20s), 0));
}

TEST_F(RunTest, DetachedTellsItsName)
{
    std::string machine = name(), other = name(), root = busybox();
    auto run_detached = [&](const std::string& as, std::vector<std::string> options) {
        options.insert(options.end(), {"run", "--detach", "--name=" + as, "--root=" + root, "--ephemeral", "--", "/bin/sleep", "1000"});
        return holmctl(options);
    };
    EXPECT_EQ(run_detached(machine, {}).out, machine + "\n");
    EXPECT_EQ(run_detached(other, {"--json=short"}).out, "{\"machine\":\"" + other + "\"}\n");
}

TEST_F(RunTest, PassesOnItsOwnSignals)
{
    for (int signal : {SIGTERM, SIGINT, SIGHUP}) {
        std::string machine = name();
        Process process({"holmctl", "run", "--rm", "--name=" + machine, "--root=" + busybox(), "--", "/bin/sh", "-c",
                         "trap 'echo caught; exit 7' TERM INT HUP; echo up; while :; do sleep 100 & wait $!; done"});
        ASSERT_TRUE(process.expect("up\n"));
        process.signal(signal);
        Outcome outcome = process.wait(20s);
        EXPECT_TRUE(exits(outcome, 7)) << "signal " << signal;
        EXPECT_EQ(outcome.out, "up\ncaught\n");
    }
}

TEST_F(RunTest, KeepsStandardOutputAndErrorApart)
{
    Outcome outcome = foreground(shell("echo to-out; echo to-err >&2; cat; cat >&2"), {}, "first\n");
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(outcome.out, "to-out\nfirst\n");
    EXPECT_EQ(outcome.err, "to-err\n");
}

TEST_F(RunTest, EndOfInputReachesTheCommand)
{
    EXPECT_TRUE(succeeds(foreground({"/bin/cat"})));
    Outcome outcome = foreground(shell("wc -c"), {}, std::string(100'000, 'x'));
    EXPECT_EQ(trim(outcome.out), "100000");
}

// Each of the three in full, at the same time; a short form moves a tenth.
TEST_F(RunTest, MovesAHundredMegabytesEachWay)
{
    size_t size = static_cast<size_t>(count(100, 10)) << 20;
    std::string input = pattern(size);
    Outcome outcome = foreground(
        shell(fmt::format("sha256sum >/tmp/sum; head -c {0} /dev/zero | tr '\\0' e >&2; head -c {0} /dev/zero | tr '\\0' o; cat /tmp/sum",
                          size)),
        {}, input, 300s);
    EXPECT_EQ(outcome.code, 0);
    ASSERT_GT(outcome.out.size(), size);
    EXPECT_TRUE(outcome.out.compare(0, size, std::string(size, 'o')) == 0) << "standard output differs";
    EXPECT_TRUE(outcome.err == std::string(size, 'e')) << "standard error differs";
    EXPECT_EQ(outcome.out.substr(size, 64), sha256(input)) << "standard input differs";
}

// The descriptors are the payload's own: files too, with nobody in between.
TEST_F(RunTest, FilesAreThePayloadsOwn)
{
    std::string machine = name(), root = busybox(), out = folder() + "/out", journal;
    Outcome outcome =
        sh(fmt::format("holmctl run --rm --name={} --root={} -- /bin/sh -c 'test -f /proc/$$/fd/1 && echo a-file >&2; echo "
                       "secret-of-the-pipe' </dev/null >{}",
                       machine, root, out));
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(content_of(out), "secret-of-the-pipe\n");
    EXPECT_TRUE(has(outcome.err, "a-file")) << "standard output is not the caller's file";
    EXPECT_FALSE(has(journal_of(scope_of(machine)), "secret-of-the-pipe")) << "pipes must not be copied to the journal";
}

TEST_F(RunTest, SurvivesClosedDescriptorsAndAFullDevice)
{
    std::string command = fmt::format("holmctl run --rm --name={} --root={} -- ", name(), busybox());
    EXPECT_TRUE(succeeds(sh(command + "/bin/true <&-")));
    EXPECT_TRUE(succeeds(sh(command + "/bin/true >&-")));
    EXPECT_TRUE(succeeds(sh(command + "/bin/true <&- >&- 2>&-")));
    EXPECT_FALSE(succeeds(sh(command + "/bin/echo x >/dev/full")));
    EXPECT_TRUE(succeeds(sh(command + "/bin/yes | head -c 10 >/dev/null; test $? != 0"))) << "yes must end of a closed pipe";
}

TEST_F(RunTest, HasATerminalWhereTheCallerHasOne)
{
    auto process = terminal("stty size; tty; test -t 0 && test -t 1 && test -t 2 && echo all; exit 9", 33, 101);
    Outcome outcome = process->wait(20s);
    EXPECT_TRUE(exits(outcome, 9));
    EXPECT_TRUE(has(outcome.out, "33 101\r\n"));
    EXPECT_TRUE(has(outcome.out, "/dev/")) << "tty(1) finds no name";
    EXPECT_TRUE(has(outcome.out, "all\r\n"));
}

TEST_F(RunTest, TerminalFollowsTheWindow)
{
    auto process = terminal("trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done");
    ASSERT_TRUE(process->expect("ready"));
    process->resize(50, 132);
    EXPECT_TRUE(process->expect("50 132")) << process->out();
    process->signal(SIGKILL);
}

TEST_F(RunTest, ControlCIsTheCommandsOwn)
{
    auto process = terminal("trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.1; done");
    ASSERT_TRUE(process->expect("ready"));
    process->write("\x03");
    EXPECT_TRUE(process->expect("caught")) << process->out();
    EXPECT_TRUE(exits(process->wait(20s), 130));
}

TEST_F(RunTest, TerminalIsGivenBackAsItWas)
{
    auto process = std::make_unique<Process>(
        std::vector<std::string>{
            "bash", "-c",
            fmt::format("stty -g >{0}/before; holmctl run --rm --tty --name={1} --root={2} -- /bin/stty raw -echo; stty -g >{0}/after",
                        folder(), name(), busybox())},
        Start{.stdio = Stdio::Terminal});
    EXPECT_TRUE(succeeds(process->wait(20s)));
    EXPECT_FALSE(content_of(folder() + "/before").empty());
    EXPECT_EQ(content_of(folder() + "/before"), content_of(folder() + "/after"));
}

TEST_F(RunTest, RawTerminalMovesTenMegabytesEachWay)
{
    size_t size = 10 << 20;
    std::string input = pattern(size, 7);
    auto process = terminal(fmt::format(
        "stty raw -echo; printf 'GO\\n'; head -c {0} >/tmp/in; sha256sum </tmp/in; printf 'BACK\\n'; cat /tmp/in; sleep 1000", size));
    ASSERT_TRUE(process->expect("GO\n"));
    process->write(input);
    EXPECT_TRUE(process->expect(sha256(input), 120s)) << "what the command read differs";
    ASSERT_TRUE(process->expect("BACK\n"));
    size_t start = process->out().find("BACK\n") + 5;
    EXPECT_TRUE(process->expect_bytes(start + size, 120s));
    EXPECT_TRUE(process->out().compare(start, size, input) == 0) << "what came back differs";
}

TEST_F(RunTest, OptionsReachTheCommand)
{
    EXPECT_EQ(foreground(shell("echo $A-$B"), {"--env=A=1", "--env=B=x y"}).out, "1-x y\n");
    EXPECT_EQ(foreground({"/bin/hostname"}, {"--hostname=other"}).out, "other\n");
    EXPECT_EQ(foreground(shell("df /mnt/scratch | tail -n 1 | cut -d' ' -f1"), {"--tmpfs=/mnt/scratch"}).out, "tmpfs\n");
    std::string shared = folder() + "/shared";
    make_folder(shared);
    write_file(shared + "/hello", "from outside");
    EXPECT_EQ(foreground({"/bin/cat", "/mnt/in/hello"}, {"--bind=" + shared + ":/mnt/in:ro"}).out, "from outside");
    EXPECT_FALSE(succeeds(foreground({"/bin/touch", "/mnt/in/new"}, {"--bind=" + shared + ":/mnt/in:ro"})));
    EXPECT_TRUE(succeeds(foreground({"/bin/touch", shared + "/new"}, {"--bind=" + shared})));
    EXPECT_TRUE(exists(shared + "/new"));
    EXPECT_FALSE(succeeds(foreground({"/bin/touch", "/new"}, {"--read-only"})));
}

TEST_F(RunTest, EnvironmentIsNotTheCallers)
{
    Outcome outcome =
        run({"env", "SECRET_OF_THE_CALLER=1", "holmctl", "run", "--rm", "--name=" + name(), "--root=" + busybox(), "--", "/bin/env"});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_FALSE(has(outcome.out, "SECRET_OF_THE_CALLER"));
    for (const char* key : {"PATH=", "HOME=", "container=holm", "container_uuid="}) EXPECT_TRUE(has(outcome.out, key));
}

TEST_F(RunTest, RootMayBeRelative)
{
    std::string root = busybox();
    EXPECT_EQ(sh(fmt::format("cd {} && holmctl run --rm --name={} --root=. -- /bin/echo relative", root, name())).out, "relative\n");
}

TEST_F(RunTest, NameIsMadeOfTheRoot)
{
    std::string root = busybox();
    Outcome outcome = sh(fmt::format("holmctl run --rm --root={} -- /bin/hostname", root));
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_TRUE(outcome.out.starts_with("root-1-")) << outcome.out;
    EXPECT_EQ(trim(outcome.out).size(), strlen("root-1-") + 4);
}

// A process left behind in a session of its own dies with PID 1, and the foreground ends though it holds the pipes.
TEST_F(RunTest, EndsWithItsCommandWhateverIsLeft)
{
    Outcome outcome = foreground(shell("setsid sleep 1000 & exit 3"), {}, {}, 20s);
    EXPECT_TRUE(exits(outcome, 3));
}

}  // namespace holm::test
