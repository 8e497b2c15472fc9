// isolation = "runsc": a machine whose command sees the kernel of a sandbox, and which is a machine in all else.
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class SandboxTest : public SystemTest {
protected:
    void SetUp() override
    {
        if (!exists("/usr/bin/runsc")) GTEST_SKIP() << "runsc is not installed";
        SystemTest::SetUp();
        write_file(folder() + "/runsc.toml", "[security]\nisolation = \"runsc\"\n");
    }
    void TearDown() override
    {
        if (!IsSkipped()) SystemTest::TearDown();
    }
    std::vector<std::string> sandboxed(std::vector<std::string> options = {})
    {
        options.push_back("--file=" + folder() + "/runsc.toml");
        return options;
    }
    static std::string processes_of(const std::string& machine)
    {
        return sh(fmt::format("cat $(find /sys/fs/cgroup/machine.slice/{}/payload -name cgroup.procs) | wc -l", scope_of(machine))).out;
    }
};

TEST_F(SandboxTest, ACommandRunsOnAnotherKernel)
{
    const Outcome outcome = foreground({"/bin/sh", "-c", "dmesg | grep -c gVisor; cat; id -u; hostname; echo err >&2; exit 7"},
                                       sandboxed({"--hostname=inner"}), "in\n");
    EXPECT_TRUE(exits(outcome, 7));
    EXPECT_EQ(outcome.out, "1\nin\n0\ninner\n");
    EXPECT_EQ(outcome.err, "err\n");
    EXPECT_TRUE(exits(foreground({"/bin/sh", "-c", "kill -KILL $$"}, sandboxed()), 128 + SIGKILL));
    EXPECT_TRUE(exits(foreground({"/bin/no-such"}, sandboxed()), 127));
    EXPECT_TRUE(exits(foreground({"/etc"}, sandboxed()), 126));
}

// What it writes is in the machine's root, owned by the machine's root; what others write there it sees.
TEST_F(SandboxTest, FilesAreTheMachines)
{
    const std::string source = folder() + "/source";
    make_folder(source);
    write_file(source + "/given", "given\n");
    const std::string machine = background("cat /given/given > /tmp/taken; sleep 1000", sandboxed({"--bind=" + source + ":/given:ro"}));
    const std::string copy = folder() + "/copy";
    ASSERT_TRUE(eventually([&] { return inside(machine, "cat /tmp/taken").out == "given\n"; }));
    EXPECT_TRUE(succeeds(holmctl({"copy-from", machine, "/tmp/taken", copy})));
    EXPECT_EQ(content_of(copy), "given\n");
    EXPECT_TRUE(succeeds(holmctl({"copy-to", machine, source + "/given", "/tmp/later"})));
    EXPECT_EQ(inside(machine, "cat /tmp/later; stat -c %u /tmp/taken; touch /given/x 2>/dev/null || echo ro").out, "given\n0\nro\n");
    EXPECT_TRUE(refuses(holmctl({"bind", machine, source, "/mnt"}), 1, "sandbox"));
    EXPECT_EQ(inside(machine, "ls /run/host/proc /run/holm /state /config.json 2>/dev/null").out, "") << "what is the runtime's";
}

TEST_F(SandboxTest, HasTheMachinesAddressAndPorts)
{
    const std::string machine =
        background("while :; do echo served | nc -l -p 80; done", sandboxed({"--network=holm0", "--publish=18080:80"}));
    const std::string address =
        std::string(trim(sh("holmctl --json=short status " + machine + " | grep -oE '10\\.[0-9.]+' | head -1").out));
    ASSERT_FALSE(address.empty());
    EXPECT_TRUE(has(inside(machine, "ip address").out, address));
    EXPECT_TRUE(eventually([&] { return sh("exec 3<>/dev/tcp/" + address + "/80 && head -c 7 <&3").out == "served\n"; })) << address;
    EXPECT_TRUE(eventually([&] { return sh("exec 3<>/dev/tcp/" + address + "/80 && head -c 7 <&3").out == "served\n"; })) << address;
    EXPECT_TRUE(succeeds(holmctl({"wait", machine, "port:80", "--timeout=10s"})));
    EXPECT_EQ(foreground({"/bin/sh", "-c", "ip -o link | grep -vc lo:"}, sandboxed({"--network=none"})).out, "0\n");
}

TEST_F(SandboxTest, AllOfItIsInTheUnitAndItsLimitsHold)
{
    const std::string machine = background("sleep 1000", sandboxed({"--property=TasksMax=300", "--property=MemoryMax=1G"}));
    EXPECT_EQ(unit_property(scope_of(machine), "TasksMax"), "300");
    EXPECT_EQ(unit_property(scope_of(machine), "MemoryMax"), "1073741824");
    EXPECT_GE(std::atoi(processes_of(machine).c_str()), 3);
    EXPECT_EQ(sh("for p in $(pgrep runsc); do grep -L " + scope_of(machine) + " /proc/$p/cgroup; done").out, "") << "outside of the unit";
    EXPECT_EQ(sh("for p in $(pgrep runsc); do awk '/^Uid/ && $2 < 65536' /proc/$p/status; done").out, "") << "a user of the host";
    EXPECT_TRUE(has(holmctl({"list"}).out, "holm-runsc"));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "holm-runsc"));
    EXPECT_TRUE(succeeds(holmctl({"freeze", machine})));
    EXPECT_TRUE(succeeds(holmctl({"thaw", machine})));
    EXPECT_EQ(inside(machine, "echo alive").out, "alive\n");
    EXPECT_TRUE(has(content_of("/run/holm/machines/" + machine + "/plan.toml"), "runtime = \"/usr/bin/runsc\""));
}

TEST_F(SandboxTest, ExecRunsBesideIt)
{
    const std::string root = busybox();
    write_file(root + "/etc/passwd", "root::0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    write_file(root + "/etc/group", "root:x:0:\nalice:x:1000:\nwheel:x:10:alice\n");
    const std::string machine = name();
    ASSERT_TRUE(succeeds(holmctl(
        {"run", "--detach", "--name=" + machine, "--root=" + root, "--file=" + folder() + "/runsc.toml", "--", "/bin/sleep", "1000"})));
    auto exec = [&](std::vector<std::string> options, const std::string& script, std::string_view input = {}) {
        options.insert(options.begin(), "exec");
        options.insert(options.end(), {machine, "--", "/bin/sh", "-c", script});
        return holmctl(options, input);
    };
    const Outcome outcome = exec({"--user=alice", "--env=K=a \"b\"", "--workdir=/tmp"}, "id; echo $K; pwd; cat; exit 42", "in\n");
    EXPECT_TRUE(exits(outcome, 42));
    EXPECT_EQ(outcome.out, "uid=1000(alice) gid=1000(alice) groups=1000(alice),10(wheel)\na \"b\"\n/tmp\nin\n");
    EXPECT_TRUE(has(exec({}, "ps").out, "sleep 1000"));
    EXPECT_TRUE(exits(exec({}, "kill -TERM $$"), 128 + SIGTERM));
    EXPECT_TRUE(exits(holmctl({"exec", machine, "--", "/bin/no-such"}), 127));
    Process trapping(
        {"holmctl", "exec", machine, "--", "/bin/sh", "-c", "trap 'echo caught; exit 9' USR1 TERM; echo up; while :; do sleep 0.1; done"});
    ASSERT_TRUE(trapping.expect("up\n"));
    trapping.signal(SIGTERM);
    EXPECT_TRUE(exits(trapping.wait(20s), 9));
    Process killed({"holmctl", "exec", machine, "--", "/bin/sleep", "4321"});
    EXPECT_TRUE(eventually([&] { return exec({}, "ps").out.contains("sleep 4321"); }));
    sh("for f in $(find /sys/fs/cgroup/machine.slice/" + scope_of(machine) + " -path '*holm-exec-*/cgroup.kill'); do echo 1 > $f; done");
    killed.wait(20s);
    EXPECT_TRUE(eventually([&] { return !exec({}, "ps").out.contains("sleep 4321"); })) << exec({}, "ps").out;
    EXPECT_TRUE(has(exec({}, "ps").out, "sleep 1000"));
}

TEST_F(SandboxTest, SignalsReachTheCommand)
{
    const std::string machine = background(
        "trap 'echo usr1 >> /got' USR1; trap 'exit 3' TERM; touch /set; "
        "while :; do sleep 0.1; done",
        sandboxed());
    ASSERT_TRUE(eventually([&] { return inside(machine, "test -e /set").code == 0; }));
    EXPECT_TRUE(succeeds(holmctl({"kill", "-s", "SIGUSR1", machine})));
    EXPECT_TRUE(eventually([&] { return inside(machine, "cat /got").out == "usr1\n"; }));
    EXPECT_TRUE(succeeds(holmctl({"kill", "-s", "SIGUSR1", "--kill-whom=leader", machine})));
    EXPECT_TRUE(eventually([&] { return inside(machine, "cat /got").out == "usr1\nusr1\n"; }));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(has(holmctl({"show", machine}).out, "LastResult=exited\nLastStatus=3\n")) << "the command's own status";
    const std::string other = background("sleep 1000", sandboxed());
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(other)})));
    EXPECT_TRUE(wait_for_state(other, "stopped"));
}

TEST_F(SandboxTest, TerminalsHaveASizeAndKeys)
{
    const std::string script =
        "stty size; trap 'echo caught' INT; trap 'echo winch $(stty size)' WINCH; echo ready; read line; "
        "while :; do sleep 0.1; done";
    Process first({"holmctl", "run", "--rm", "--tty", "--name=" + name(), "--root=" + busybox(), "--file=" + folder() + "/runsc.toml", "--",
                   "/bin/sh", "-c", script},
                  Start{.stdio = Stdio::Terminal, .rows = 33, .columns = 101});
    ASSERT_TRUE(first.expect("33 101")) << first.out();
    ASSERT_TRUE(first.expect("ready"));
    first.write("line\n");
    first.resize(40, 120);
    EXPECT_TRUE(first.expect("winch 40 120")) << first.out();
    first.write("\x03");
    EXPECT_TRUE(first.expect("caught")) << first.out();

    const std::string machine = background("sleep 1000", sandboxed());
    Process further({"holmctl", "exec", "--tty", machine, "--", "/bin/sh", "-c", script},
                    Start{.stdio = Stdio::Terminal, .rows = 30, .columns = 90});
    ASSERT_TRUE(further.expect("30 90")) << further.out();
    ASSERT_TRUE(further.expect("ready"));
    further.write("line\n");
    // What comes before the runtime has its handlers is lost.
    bool told = false;
    for (unsigned short rows = 20; rows < 30 && !told; ++rows) {
        further.resize(rows, 70);
        told = further.expect(fmt::format("winch {} 70", rows), 3s);
    }
    EXPECT_TRUE(told) << further.out();
    further.write("\x03");
    EXPECT_TRUE(further.expect("caught")) << further.out();
}

TEST_F(SandboxTest, NothingStaysBehindWhatIsKilled)
{
    auto left = [] { return sh("pgrep -c runsc; findmnt -rno TARGET | grep -c runtime; ls /run/holm/machines | wc -l").out; };
    const std::string before = left();
    const std::string machine = background("sleep 1000", sandboxed());
    const std::string supervisor = "kill -9 $(cat /sys/fs/cgroup/machine.slice/" + scope_of(machine) + "/supervisor/cgroup.procs)";
    kill_holmd();
    EXPECT_EQ(inside(machine, "echo alive").out, "alive\n");
    EXPECT_EQ(sh(supervisor).code, 0);
    EXPECT_TRUE(eventually([&] { return sh("pgrep -c runsc").out == "0\n"; })) << sh("pgrep -a runsc").out;
    take_away(machine);
    EXPECT_TRUE(eventually([&] { return left() == before; })) << before << left();
}

TEST_F(SandboxTest, RestartsWithASandboxAnew)
{
    const std::string machine = name();
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"echo x >> /runs; sleep 1; exit 1\"]\n"
                                "restart = \"on-failure\"\n[security]\nisolation = \"runsc\"\n",
                                busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(eventually([&] { return inside(machine, "cat /runs").out.starts_with("x\nx\n"); }, 30s));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(SandboxTest, RefusesWhatItCannotDo)
{
    const std::string machine = name(), root = busybox();
    const std::string command = "[payload]\ncommand = [\"/bin/true\"]\n";
    for (const auto& [toml, key] : std::vector<std::pair<std::string, std::string>>{
             {"", "payload.boot"},
             {command + "init = true\n", "payload.init"},
             {command + "ready = \"notify\"\n", "payload.ready"},
             {command + "[security]\nnesting = true\n", "security.nesting"},
             {command + "[security]\ndevices = [\"/dev/fuse\"]\n", "security.devices"},
             {command + "[security]\nusers = \"host\"\n", "security.users"},
             {command + "[security]\nsyscalls = { deny = [\"ptrace\"] }\n", "security.syscalls"},
             {command + "[security]\nsysctl = { \"net.core.somaxconn\" = \"9\" }\n", "security.sysctl"},
         }) {
        define(machine, fmt::format("[root]\npath = \"{}\"\n{}{}isolation = \"runsc\"\n", root, toml,
                                    toml.find("[security]") == toml.npos ? "[security]\n" : ""));
        EXPECT_TRUE(refuses(holmctl({"verify", machine}), 1, key)) << toml;
        EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, key)) << toml;
        run({"systemctl", "reset-failed", service_of(machine)});
    }
    if (exists("/usr/bin/kata-runtime")) return;
    define(machine, fmt::format("[root]\npath = \"{}\"\n{}[security]\nisolation = \"kata\"\n", root, command));
    EXPECT_TRUE(succeeds(holmctl({"verify", machine})));
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "'kata-runtime'"));
    run({"systemctl", "reset-failed", service_of(machine)});
}

}  // namespace holm::test
