// holmctl exec and attach: a further process in a machine, with what a caller expects of it and no more than the machine has.
#include <algorithm>
#include <memory>
#include <thread>

#include <sys/stat.h>
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class ExecTest : public SystemTest {
protected:
    Outcome exec(const std::string& script, std::vector<std::string> options = {}, std::string_view input = {}, milliseconds timeout = 60s)
    {
        std::vector<std::string> arguments = {"exec"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {machine_, "--", "/bin/sh", "-c", script});
        return holmctl(arguments, input, timeout);
    }
    std::unique_ptr<Process> terminal(const std::string& script)
    {
        return std::make_unique<Process>(std::vector<std::string>{"holmctl", "exec", "--tty", machine_, "--", "/bin/sh", "-c", script},
                                         Start{.stdio = Stdio::Terminal, .rows = 33, .columns = 101});
    }
    // A machine whose root has a user alice (1000) with two further groups, and a group-only file.
    void with_users()
    {
        std::string root = busybox();
        write_file(root + "/etc/passwd",
                   "root::0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nroot2 :x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n");
        write_file(root + "/etc/group", "root:x:0:\nalice:x:1000:\nwheel:x:10:alice\nvideo:x:44:bob,alice\nother:x:50:bob\n");
        make_folder(root + "/home/alice");
        ASSERT_EQ(chown((root + "/home/alice").c_str(), 1000, 1000), 0);
        machine_ = name();
        ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine_, "--root=" + root, "--env=FROM_PAYLOAD=1", "--", "/bin/sh",
                                      "-c", "exec sleep 10000"})));
        ASSERT_TRUE(wait_for_state(machine_, "running"));
    }
    std::string machine_;
};

TEST_F(ExecTest, GivesCodeSignalAndStreams)
{
    machine_ = background();
    Outcome outcome = exec("echo out; echo err >&2; cat; exit 42", {}, "in\n");
    EXPECT_TRUE(exits(outcome, 42));
    EXPECT_EQ(outcome.out, "out\nin\n");
    EXPECT_EQ(outcome.err, "err\n");
    for (int signal : {SIGTERM, SIGKILL, SIGUSR1}) EXPECT_TRUE(exits(exec(fmt::format("kill -{} $$", signal)), 128 + signal));
    for (int code : {125, 126, 127, 255}) EXPECT_TRUE(exits(exec(fmt::format("exit {}", code)), code));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine_, "/bin/true"}))) << "without --";
}

TEST_F(ExecTest, PassesOnItsOwnSignals)
{
    machine_ = background();
    Process process(
        {"holmctl", "exec", machine_, "--", "/bin/sh", "-c", "trap 'echo caught; exit 7' TERM; echo up; while :; do sleep 0.1; done"});
    ASSERT_TRUE(process.expect("up\n"));
    process.signal(SIGTERM);
    EXPECT_TRUE(exits(process.wait(20s), 7));
}

TEST_F(ExecTest, MovesAHundredMegabytesEachWay)
{
    machine_ = background();
    size_t size = static_cast<size_t>(count(100, 10)) << 20;
    std::string input = pattern(size);
    Outcome outcome = exec(
        fmt::format("sha256sum >/tmp/sum; head -c {0} /dev/zero | tr '\\0' e >&2; head -c {0} /dev/zero | tr '\\0' o; cat /tmp/sum", size),
        {}, input, 300s);
    EXPECT_EQ(outcome.code, 0);
    ASSERT_GT(outcome.out.size(), size);
    EXPECT_TRUE(outcome.out.compare(0, size, std::string(size, 'o')) == 0) << "standard output differs";
    EXPECT_TRUE(outcome.err == std::string(size, 'e')) << "standard error differs";
    EXPECT_EQ(outcome.out.substr(size, 64), sha256(input)) << "standard input differs";
}

TEST_F(ExecTest, HasATerminal)
{
    machine_ = background();
    auto process =
        terminal("stty size; tty; trap 'stty size' WINCH; trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.1; done");
    ASSERT_TRUE(process->expect("ready"));
    EXPECT_TRUE(has(process->out(), "33 101\r\n"));
    EXPECT_TRUE(has(process->out(), "/dev/pts/"));
    process->resize(50, 132);
    EXPECT_TRUE(process->expect("50 132"));
    process->write("\x03");
    EXPECT_TRUE(process->expect("caught"));
    EXPECT_TRUE(exits(process->wait(20s), 130));
}

TEST_F(ExecTest, RawTerminalMovesTenMegabytesEachWay)
{
    machine_ = background();
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

// A file is read and written through the caller's own description: offset and O_APPEND hold.
TEST_F(ExecTest, ATerminalsBytesGoOnInAFile)
{
    machine_ = background();
    const std::string file = folder() + "/bytes";
    for (const char* open : {">", ">>"}) {
        write_file(file, "");
        EXPECT_TRUE(succeeds(sh(
            fmt::format("{{ echo first; holmctl exec -t {} -- /bin/echo SECOND </dev/null; echo third; }} {}'{}'", machine_, open, file))));
        EXPECT_EQ(content_of(file), "first\nSECOND\r\nthird\n") << open;
    }
    write_file(file, "skipped\nwanted\n");
    Outcome outcome =
        sh(fmt::format("{{ read line; holmctl exec -t {} -- /bin/sh -c 'read line; echo got $line'; cat; }} <'{}'", machine_, file));
    EXPECT_TRUE(has(outcome.out, "got wanted\r\n"));
    EXPECT_EQ(outcome.out.find("skipped"), std::string::npos) << outcome.out;
}

TEST_F(ExecTest, TwentyFiveAtOnce)
{
    machine_ = background();
    std::vector<std::unique_ptr<Process>> processes;
    for (int i = 0; i < 25; i++)
        processes.push_back(std::make_unique<Process>(std::vector<std::string>{"holmctl", "exec", machine_, "--", "/bin/sh", "-c",
                                                                               fmt::format("echo up; read x; echo {} $x; exit {}", i, i)}));
    for (auto& process : processes) ASSERT_TRUE(process->expect("up\n"));
    for (int i = 0; i < 25; i++) processes[static_cast<size_t>(i)]->write(fmt::format("line-{}\n", i));
    for (int i = 0; i < 25; i++) {
        Outcome outcome = processes[static_cast<size_t>(i)]->wait(30s);
        EXPECT_TRUE(exits(outcome, i));
        EXPECT_EQ(outcome.out, fmt::format("up\n{} line-{}\n", i, i));
    }
    EXPECT_TRUE(eventually(
        [&] { return sh("ls -d /sys/fs/cgroup/machine.slice/" + scope_of(machine_) + "/payload/holm-exec-* 2>/dev/null").out.empty(); }));
}

TEST_F(ExecTest, UsersAreTheMachinesOwn)
{
    with_users();
    EXPECT_EQ(trim(exec("id -u; id -g; id -G").out), "0\n0\n0");
    EXPECT_EQ(trim(exec("id -u; id -g; id -G; echo $HOME $USER", {"--user=alice"}).out), "1000\n1000\n1000 10 44\n/home/alice alice");
    EXPECT_EQ(trim(exec("id -u; id -g", {"--user=1000"}).out), "1000\n1000");
    EXPECT_EQ(trim(exec("id -u; id -g", {"--user=alice:video"}).out), "1000\n44");
    EXPECT_EQ(trim(exec("id -u", {"--user=4242"}).out), "4242");
}

// CVE-2026-30892, -46680, CVE-2024-40635: a user that is not understood is never root.
TEST_F(ExecTest, AUserThatIsNotUnderstoodIsRefused)
{
    with_users();
    for (const char* user : {"nobody-here", " ", "-1", "4294967295", "4294967296", "99999999999", "18446744073709551616", "0x0", "+0",
                             "1000:", ":0", "root2", "root2 ", "root\n", "1000:99999999999", "alice:no-such-group", "65536"})
        EXPECT_TRUE(refuses(exec("id -u", {std::string("--user=") + user}), 125, machine_)) << "user '" << user << "'";
}

TEST_F(ExecTest, EnvironmentAndFolder)
{
    with_users();
    Outcome outcome = run({"env", "SECRET_OF_THE_CALLER=1", "holmctl", "exec", "--env=A=b c", machine_, "--", "/bin/env"});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_FALSE(has(outcome.out, "SECRET_OF_THE_CALLER"));
    for (const char* line : {"A=b c\n", "FROM_PAYLOAD=1\n", "PATH=", "HOME="}) EXPECT_TRUE(has(outcome.out, line));
    EXPECT_EQ(exec("pwd", {"--workdir=/etc"}).out, "/etc\n");
    EXPECT_TRUE(refuses(exec("pwd", {"--workdir=/no/such"}), 125, "/no/such"));
    EXPECT_TRUE(refuses(exec("pwd", {"--workdir=etc"}), 125, "'etc' is not an absolute path"));
}

// CVE-2024-21626: no descriptor of the host stays open, so no working folder leads to one.
TEST_F(ExecTest, NoFolderLeadsToTheHost)
{
    machine_ = background();
    for (int fd = 3; fd < 64; fd++) {
        Outcome outcome = exec("cat /etc/hostname /canary-of-the-host 2>/dev/null; pwd", {fmt::format("--workdir=/proc/self/fd/{}", fd)});
        EXPECT_TRUE(exits(outcome, 125)) << fd;
    }
    EXPECT_EQ(holmctl({"exec", machine_, "--", "/bin/ls", "/proc/self/fd"}).out, "0\n1\n2\n3\n") << "3 is the folder that ls reads";
    // PID 1 holds nothing but its three, neither.
    EXPECT_EQ(trim(sh(fmt::format("ls /proc/{}/fd | tr '\\n' ' '", leader_of(machine_))).out).substr(0, 5), "0 1 2");
}

// CVE-2019-5736, CVE-2016-9962: the joiner's binary, memory and descriptors are out of reach of the machine's root.
TEST_F(ExecTest, TheJoinerIsOutOfReach)
{
    machine_ = background(R"sh(
        trap 'exit 0' TERM
        joins() { [ "$(cat $p/comm 2>/dev/null)" = holm-setup ]; }  # still: else it was the command that was reached
        while :; do
            for p in /proc/[0-9]*; do
                joins || continue
                echo "seen $(ls $p/fd 2>/dev/null | wc -l)" >>/joiners
                for x in exe root cwd fd/3; do ( : >>"$p/$x" ) 2>/dev/null && joins && echo "opened $x" >>/opened; done
                head -c 1 $p/mem >/dev/null 2>&1 && joins && echo "read mem" >>/opened
                ls $p/root/ >/dev/null 2>&1 && [ -e $p/root/realroot ] && joins && echo "saw root" >>/opened
            done
        done)sh");
    std::string before = sh("sha256sum /usr/lib/holm/* /usr/bin/holmctl 2>/dev/null").out;
    for (int i = 0; i < count(200, 40); i++) EXPECT_TRUE(succeeds(exec("exit 0")));
    EXPECT_EQ(exec("cat /opened 2>/dev/null").out, "");
    EXPECT_EQ(sh("sha256sum /usr/lib/holm/* /usr/bin/holmctl 2>/dev/null").out, before);
}

TEST_F(ExecTest, ACommandThatIsTheJoinerItselfIsRefused)
{
    machine_ = background();
    std::string before = sh("sha256sum /usr/lib/holm/holm-setup").out;
    EXPECT_TRUE(succeeds(exec("ln -s /proc/self/exe /bin/self; printf '#!/proc/self/exe\\n' >/bin/script; chmod +x /bin/script")));
    Outcome self = holmctl({"exec", machine_, "--", "/bin/self"});
    EXPECT_NE(self.code, 0) << testing::PrintToString(self);
    Outcome script = holmctl({"exec", machine_, "--", "/bin/script"});
    EXPECT_NE(script.code, 0) << testing::PrintToString(script);
    EXPECT_EQ(sh("sha256sum /usr/lib/holm/holm-setup").out, before);
}

// CVE-2022-24769 and its family; and exec has what the payload has, no more.
TEST_F(ExecTest, PrivilegesAreThePayloads)
{
    with_users();
    auto sets = [](const std::string& status) {
        std::string found;
        for (std::string_view line : split(status, '\n'))
            if (line.starts_with("Cap") || line.starts_with("NoNewPrivs") || line.starts_with("Seccomp:"))
                found += std::string(line) + "\n";
        return found;
    };
    std::string payload = sets(exec("cat /proc/1/status").out), root = sets(exec("cat /proc/self/status").out);
    EXPECT_EQ(root, payload);
    EXPECT_TRUE(has(root, "CapInh:\t0000000000000000\n"));
    EXPECT_TRUE(has(root, "CapAmb:\t0000000000000000\n"));
    std::string alice = sets(exec("cat /proc/self/status", {"--user=alice"}).out);
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) EXPECT_TRUE(has(alice, fmt::format("{}:\t0000000000000000\n", set)));
    EXPECT_EQ(exec("cat /proc/1/limits").out, exec("cat /proc/self/limits").out);
}

// CVE-2017-5226: the terminal of an exec is the machine's own, so nothing typed into it by the machine reaches the caller.
TEST_F(ExecTest, TheTerminalIsNotTheCallers)
{
    machine_ = background();
    auto process = terminal("tty; ls -l /dev/pts | grep -c '^c'; exit 0");
    Outcome outcome = process->wait(20s);
    EXPECT_TRUE(succeeds(outcome));
    Process caller({"bash", "-c", fmt::format("tty; holmctl exec {} -- /bin/ls -l /proc/self/fd/0", machine_)}, {.stdio = Stdio::Terminal});
    outcome = caller.wait(20s);
    // Both say /dev/pts/N: the numbers are of two file systems. The device number tells them apart.
    Outcome device = sh(fmt::format("stat -Lc %d /proc/{}/root/dev/pts; stat -c %d /dev/pts", leader_of(machine_)));
    auto lines = split(device.out, '\n');
    ASSERT_GE(lines.size(), 2U);
    EXPECT_NE(lines[0], lines[1]) << "the machine has the host's devpts";
}

TEST_F(ExecTest, DetachedGoesOnWithoutTheClient)
{
    machine_ = background();
    EXPECT_TRUE(succeeds(exec("sleep 1; echo done >/done", {"--detach"})));
    EXPECT_TRUE(eventually([&] { return exec("cat /done 2>/dev/null").out == "done\n"; }));
}

TEST_F(ExecTest, ADeadClientDoesNotHoldTheMachine)
{
    machine_ = background();
    {
        Process client({"holmctl", "exec", machine_, "--", "/bin/sh", "-c", "echo up; while :; do echo y; done"});
        ASSERT_TRUE(client.expect("up\n"));
        client.signal(SIGKILL);
    }
    // Its pipes are closed now, and the command's end is that of any writer to a closed pipe.
    EXPECT_TRUE(eventually([&] { return exec("ps | grep -c '[e]cho y'").out == "0\n"; })) << exec("ps").out;
    EXPECT_TRUE(succeeds(exec("exit 0")));
}

TEST_F(ExecTest, RefusalsHaveTheirCodes)
{
    machine_ = background();
    EXPECT_TRUE(refuses(holmctl({"exec", machine_, "--", "/no/such"}), 127, "/no/such"));
    EXPECT_TRUE(refuses(holmctl({"exec", machine_, "--", "no-such"}), 127, "no-such"));
    EXPECT_TRUE(refuses(holmctl({"exec", machine_, "--", "/etc/passwd"}), 126, "/etc/passwd"));
    EXPECT_TRUE(refuses(holmctl({"exec", machine_, "--", "/etc"}), 126, "/etc"));
    EXPECT_TRUE(refuses(holmctl({"exec", "no-such-machine", "--", "/bin/true"}), 125, "no-such-machine"));
    EXPECT_TRUE(exits(holmctl({"exec", "--no-such-option", machine_, "--", "/bin/true"}), 2));
    EXPECT_TRUE(exits(holmctl({"exec", machine_}), 2));
}

// attach: the ring buffer first, then what comes; typing reaches the payload; several at once; the machine outlives them.
TEST_F(ExecTest, AttachReplaysAndGoesOn)
{
    machine_ = background("stty -echo; echo before-attach; while read line; do echo \"got $line\"; done; sleep 1000");
    Process one({"holmctl", "attach", machine_}, {.stdio = Stdio::Terminal}),
        two({"holmctl", "attach", machine_}, {.stdio = Stdio::Terminal});
    ASSERT_TRUE(one.expect("before-attach")) << one.out();
    ASSERT_TRUE(two.expect("before-attach")) << two.out();
    one.write("hello\r");
    EXPECT_TRUE(one.expect("got hello"));
    EXPECT_TRUE(two.expect("got hello"));
    one.signal(SIGKILL);
    one.wait(5s);
    two.write("again\r");
    EXPECT_TRUE(two.expect("got again"));
    EXPECT_EQ(state_of(machine_), "running");
    EXPECT_TRUE(eventually([&] { return journal_of(scope_of(machine_)).find("got again") != std::string::npos; }));
}

TEST_F(ExecTest, AttachTellsTheEnd)
{
    machine_ = background("trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done");
    Process console({"holmctl", "attach", machine_});
    ASSERT_TRUE(console.expect("up"));
    EXPECT_TRUE(succeeds(holmctl({"kill", "--kill-whom=leader", machine_})));
    Outcome outcome = console.wait(20s);
    EXPECT_TRUE(exits(outcome, 3));
    EXPECT_TRUE(has(outcome.err, "exited with status 3"));
}

}  // namespace holm::test
