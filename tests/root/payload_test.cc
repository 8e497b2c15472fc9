// The process that a payload starts as: user, capabilities, environment, signals, limits, terminal, the stub, and what becomes of a command
// that cannot run.
#include "machine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "security/capability_set.h"

namespace holm::test {
namespace {

class Payload : public testing::Test {
protected:
    Payload() { make_busybox_root(scratch / "base"); }

    Finished run_as(const std::string& user, const std::string& script)
    {
        launch::Plan plan = make_shell_plan(scratch / "base", script);
        plan.payload.user = user;
        return run(scratch, plan);
    }

    Finished run_command(std::vector<std::string> command) { return run(scratch, make_plan(scratch / "base", std::move(command))); }

    Scratch scratch;
};

std::string capability_lines(uint64_t bounding, uint64_t effective)
{
    return fmt::format("CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\n", 0, effective,
                       effective, bounding, 0);
}

TEST_F(Payload, CapabilitiesAreExactlyThosePlanned)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "grep ^Cap /proc/self/status");
    plan.security.capabilities = 1u << CAP_CHOWN | 1u << CAP_KILL | 1u << CAP_SETUID | 1u << CAP_SETGID;
    EXPECT_EQ(run(scratch, plan).output, capability_lines(plan.security.capabilities, plan.security.capabilities));
    plan.payload.user = "alice";
    EXPECT_EQ(run(scratch, plan).output, capability_lines(plan.security.capabilities, 0));
}

TEST_F(Payload, UserHasTheGroupsOfItsLogin)
{
    Finished done = run_as("alice", "id; cd; pwd; echo $HOME $USER $LOGNAME");
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output,
              "uid=1000(alice) gid=1000(alice) groups=29(audio),44(video),1000(alice)\n/home/alice\n/home/alice alice alice\n");
    EXPECT_EQ(run_as("1000:44", "id -u; id -g").output, "1000\n44\n");
    EXPECT_EQ(run_as("alice:staff", "id -g").output, "50\n");
    EXPECT_EQ(run_as("4711", "id -u; id -g; id -G").output, "4711\n0\n0\n");
}

TEST_F(Payload, UsersThatAreNoneAreRefused)
{
    write_file(scratch / "base/etc/passwd",
               "0x0:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n :x:0:0::/:/bin/sh\n4294967295:x:0:0::/:/bin/sh\n1000::0:0::/:\n");
    for (const char* user : {" ", "-1", "4294967295", "4294967296", "99999999999", "0x0", "1000:", ":0", ":", "root\n", "root ", "+0",
                             "00x", "nobody-here", "65536", "0:65536"}) {
        Finished done = run_as(user, "id -u");
        EXPECT_TRUE(done.said.error) << '"' << user << "\" gave " << done.output;
    }
}

TEST_F(Payload, TheWorkingDirectoryOfAnImageIsMade)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "pwd; stat -c '%a %u:%g' . ..");
    plan.payload.user = "alice";
    plan.payload.working_directory = "/var/work dir/inner";
    Finished missing = run(scratch, plan);
    ASSERT_TRUE(missing.said.error);
    EXPECT_NE(missing.said.error->text.find("make it, or name another"), std::string::npos) << missing.said.error->text;
    plan.payload.makes_working_directory = true;
    for (int boots = 0; boots < 2; ++boots) EXPECT_EQ(run(scratch, plan).output, "/var/work dir/inner\n755 0:0\n755 0:0\n");
    plan.rootfs.read_only = true;
    EXPECT_EQ(run(scratch, plan).output, "/var/work dir/inner\n755 0:0\n755 0:0\n");
    plan.payload.working_directory = "/var/other";
    Finished refused = run(scratch, plan);
    ASSERT_TRUE(refused.said.error);
    EXPECT_EQ(refused.said.error->text,
              "cannot make the working directory '/var/other' that the image asks for (payload.working_directory names another): "
              "Read-only file system");
    EXPECT_EQ(refused.said.step, "command");
}

TEST_F(Payload, ExitStatusAndSignalsAreItsOwn)
{
    EXPECT_EQ(run_command({"/bin/sh", "-c", "exit 42"}).exit->value, 42);
    Machine machine(scratch, make_plan(scratch / "base", {"/bin/sleep", "100"}));
    ASSERT_FALSE(machine.boot().error) << machine.said.error->text;
    ASSERT_TRUE(kernel::signal_process(machine.said.leader.get(), SIGKILL));
    Finished done = machine.finish();
    EXPECT_TRUE(done.exit->by_signal);
    EXPECT_EQ(done.exit->value, SIGKILL);
}

TEST_F(Payload, StartsAsCleanAsAProcessCan)
{
    launch::Plan plan = make_shell_plan(scratch / "base",
                                        "umask; grep -E '^(SigBlk|NoNewPrivs)' /proc/1/status; cat /proc/self/oom_score_adj; "
                                        "ulimit -n; ulimit -Hn");
    plan.security.rlimits["NOFILE"] = {512, 1024};
    plan.security.no_new_privileges = true;
    plan.payload.user = "root";
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_EQ(done.output, "0022\nSigBlk:\t0000000000000000\nNoNewPrivs:\t1\n0\n512\n1024\n");
    plan.payload.command = {"/bin/grep", "^Sig[IC]", "/proc/1/status"};  // not of a shell, which ignores some itself
    EXPECT_EQ(run(scratch, plan).output, "SigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n");
    plan.payload.command = {"/bin/env"};
    plan.payload.environment.emplace_back("A", "b c=d");
    EXPECT_EQ(run(scratch, plan).output, "PATH=/usr/bin:/bin\ncontainer=holm\nA=b c=d\nHOME=/root\nUSER=root\nLOGNAME=root\n");
}

TEST_F(Payload, BootHasExactlyThePlannedEnvironment)
{
    launch::Plan plan = make_plan(scratch / "base", {"/bin/env"});
    plan.payload.boot = true;
    EXPECT_EQ(run(scratch, plan).output, "PATH=/usr/bin:/bin\ncontainer=holm\n");
}

TEST_F(Payload, CommandsThatCannotRunSayWhy)
{
    auto code_of = [&](std::vector<std::string> command) {
        Finished done = run_command(std::move(command));
        EXPECT_TRUE(done.said.error);
        EXPECT_EQ(done.said.step, "command");
        return done.said.error ? done.said.error->code : Errc::Failed;
    };
    write_file(scratch / "base/bin/garbage", "no program", 0755);
    write_file(scratch / "base/bin/orphan", "#!/not/there\n", 0755);
    write_file(scratch / "base/bin/plain", "#!/bin/sh\n", 0644);
    EXPECT_EQ(code_of({"/not/there"}), Errc::NoCommand);
    EXPECT_EQ(code_of({"not-there"}), Errc::NoCommand);
    EXPECT_EQ(code_of({"/bin/sh/x"}), Errc::NoCommand);
    EXPECT_EQ(code_of({"plain"}), Errc::NotExecutable);
    EXPECT_EQ(code_of({"/etc"}), Errc::NotExecutable);
    EXPECT_EQ(code_of({"garbage"}), Errc::NotExecutable);
    EXPECT_EQ(code_of({"orphan"}), Errc::NotExecutable);
}

TEST_F(Payload, StubReapsForwardsAndReportsTheStatus)
{
    launch::Plan plan = make_shell_plan(
        scratch / "base",
        "trap 'echo got; exit 7' TERM; echo $$; sleep 0.1 & readlink /proc/1/exe || echo hidden; while :; do sleep 0.05; done");
    plan.payload.stub = true;
    Machine machine(scratch, plan);
    ASSERT_FALSE(machine.boot().error) << machine.said.error->text;
    std::string first(9, '\0');
    for (size_t at = 0; at < first.size();) {
        ssize_t size = ::read(machine.output.get(), first.data() + at, first.size() - at);
        ASSERT_GT(size, 0);
        at += static_cast<size_t>(size);
    }
    EXPECT_EQ(first, "2\nhidden\n");
    ASSERT_TRUE(kernel::signal_process(machine.said.leader.get(), SIGTERM));
    Finished done = machine.finish();
    EXPECT_EQ(done.output, "got\n");
    EXPECT_FALSE(done.exit->by_signal);
    EXPECT_EQ(done.exit->value, 7);

    plan = make_shell_plan(scratch / "base", "kill -9 $$");
    plan.payload.stub = true;
    EXPECT_EQ(run(scratch, plan).exit->value, 128 + SIGKILL);
    plan.payload.command = {"/not/there"};
    done = run(scratch, plan);
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->code, Errc::NoCommand);
}

std::string read_terminal(int terminal)
{
    std::string all;
    char buffer[4096];
    for (ssize_t size; (size = ::read(terminal, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(size));
    return all;
}

TEST_F(Payload, TerminalIsItsControllingOneAndTheConsole)
{
    launch::Plan plan = make_shell_plan(scratch / "base",
                                        "tty; stat -c %t:%T /dev/console; stat -c '%u %a' /dev/pts/0; echo direct >/dev/tty; echo console "
                                        ">/dev/console; ls /dev/pts; ps -o tty | head -n 2");
    plan.console = launch::Console::Terminal;
    plan.payload.user = "alice";
    Machine machine(scratch, plan);
    ASSERT_FALSE(machine.boot().error) << machine.said.error->text;
    std::string output = read_terminal(machine.said.terminal.get());
    EXPECT_EQ(output.substr(0, output.find("TT")), "/dev/pts/0\r\n88:0\r\n1000 620\r\ndirect\r\nconsole\r\n0     ptmx\r\n") << output;
    EXPECT_EQ(machine.finish().exit->value, 0);
}

TEST_F(Payload, TimeIsOffsetWhereAsked)
{
    launch::Plan plan = make_shell_plan(scratch / "base", "cat /proc/uptime");
    plan.security.boottime_offset = std::chrono::hours(24 * 1000);
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_GT(atof(done.output.c_str()), 86'400'000.0) << done.output;
}

TEST_F(Payload, DiesWithItsSupervisor)
{
    Pair alive = std::move(*make_pipe());
    kernel::Child supervisor = std::move(*kernel::clone_process(0));
    if (supervisor.pid == 0) {
        alive.first.reset();
        Machine machine(scratch, make_plan(scratch / "base", {"/bin/sleep", "100"}));
        machine.boot();
        std::string pid = fmt::format("{}", machine.said.pid);
        if (write_all(alive.second.get(), pid)) ::_exit(0);  // without any end of its machine
        ::_exit(1);
    }
    alive.second.reset();
    auto pid = read_all(alive.first.get(), 100);
    ASSERT_TRUE(kernel::wait_exit(supervisor.pidfd.get()));
    ASSERT_TRUE(pid && !pid->empty());
    const std::string folder = "/proc/" + *pid;
    // Nobody may be there to reap it: what is dead has no command line.
    for (int i = 0; i < 200 && !read_text(folder + "/cmdline").empty(); ++i) ::usleep(10'000);
    EXPECT_EQ(read_text(folder + "/cmdline"), "");
}

TEST_F(Payload, NetworkOfTheHostIsSharedWhereAsked)
{
    launch::Plan plan = make_shell_plan(scratch / "base",
                                        "readlink /proc/self/ns/net; touch /sys/x 2>&1; mount -o remount,rw /sys 2>/dev/null || echo "
                                        "locked; ls /sys/fs/cgroup | grep -c cgroup.procs");
    plan.network.kind = network::Kind::Host;
    plan.security.writable.clear();
    Finished done = run(scratch, plan);
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    char own[64] = {};
    ASSERT_GT(::readlink("/proc/self/ns/net", own, sizeof own - 1), 0);
    EXPECT_EQ(done.output, fmt::format("{}\ntouch: /sys/x: Read-only file system\nlocked\n1\n", own)) << done.errors;
}

}  // namespace
}  // namespace holm::test
