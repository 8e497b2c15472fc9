// Commands in a machine that runs: the same namespaces, privileges and users as its payload, and nothing of the host.
#include "machine.h"

#include <linux/capability.h>
#include <signal.h>
#include <unistd.h>

namespace holm::test {
namespace {

class Exec : public testing::Test {
protected:
    Exec()
    {
        make_busybox_root(scratch / "base");
        launch::Plan plan = make_shell_plan(scratch / "base", "echo up; read line");
        plan.payload.environment.emplace_back("NOTIFY_SOCKET", "/run/host/notify");
        plan.payload.environment.emplace_back("HOME", "/root");
        plan.payload.environment.emplace_back("OF_PAYLOAD", "1");
        plan.payload.environment.emplace_back("SECOND", "1");
        machine.emplace(scratch, plan);
        machine->boot();
    }

    void SetUp() override { ASSERT_FALSE(machine->said.error) << machine->said.error->text; }

    Scratch scratch;
    std::optional<Machine> machine;
};

TEST_F(Exec, RunsWhereThePayloadRuns)
{
    Finished done = machine->exec({"/bin/sh", "-c",
                                   "echo out; echo err >&2; for n in pid mnt uts ipc net cgroup user; do test $(readlink /proc/1/ns/$n) = "
                                   "$(readlink /proc/self/ns/$n) || echo $n differs; done; grep ^0: /proc/self/cgroup; exit 5"});
    ASSERT_FALSE(done.said.error) << done.said.error->text;
    EXPECT_TRUE(done.said.started);
    EXPECT_EQ(done.output, "out\n0::/\n");
    EXPECT_EQ(done.errors, "err\n");
    EXPECT_EQ(done.exit->value, 5);
}

TEST_F(Exec, HasThePrivilegesOfThePayload)
{
    std::string of_payload = machine->exec({"/bin/grep", "-E", "^(Cap|NoNew|SigB|Uid|Gid)", "/proc/1/status"}).output;
    std::string own = machine->exec({"/bin/grep", "-E", "^(Cap|NoNew|SigB|Uid|Gid)", "/proc/self/status"}).output;
    EXPECT_EQ(own, of_payload);
    EXPECT_NE(own.find("CapInh:\t0000000000000000"), std::string::npos);
    std::string as_user = machine->exec({"/bin/grep", "^Cap[PEA]", "/proc/self/status"}, "alice").output;
    EXPECT_EQ(as_user, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

TEST_F(Exec, UserBringsHisHomeAndGroups)
{
    EXPECT_EQ(machine->exec({"/bin/sh", "-c", "id; echo $HOME $USER; pwd"}, "alice").output,
              "uid=1000(alice) gid=1000(alice) groups=29(audio),44(video),1000(alice)\n/home/alice alice\n/\n");
    Finished done = machine->exec({"/bin/id"}, "nobody-here");
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->text, "the machine has no user 'nobody-here'");
}

TEST_F(Exec, EnvironmentIsThePayloadsAndTheRequests)
{
    kernel::Message request = machine->exec_request({"/bin/env"});
    request.add("env", "SECOND=2").add("env", "OWN=x=y");
    Pair out = std::move(*make_pipe());
    Said said = machine->run_setup(std::move(request), machine->exec_fds({0, out.second.get(), 2}));
    out.second.reset();
    EXPECT_EQ(*read_all(out.first.get(), 1 << 16),
              "PATH=/usr/bin:/bin\ncontainer=holm\nHOME=/root\nOF_PAYLOAD=1\nSECOND=2\nOWN=x=y\nUSER=root\nLOGNAME=root\n");
    std::ignore = kernel::wait_exit(said.leader.get());
    request = machine->exec_request({"/bin/env"});
    request.add("env", "=x");
    EXPECT_TRUE(machine->run_setup(std::move(request), machine->exec_fds({0, 1, 2})).error);
}

TEST_F(Exec, WorkingDirectoryIsInside)
{
    EXPECT_EQ(machine->exec({"/bin/pwd"}, "root", "/etc").output, "/etc\n");
    for (const char* folder : {"/nowhere", "/proc/self/fd/3", "/proc/self/fd/4", "/proc/1/root", "/proc/self/cwd", "relative"})
        EXPECT_TRUE(machine->exec({"/bin/pwd"}, "root", folder).said.error) << folder;
    EXPECT_TRUE(machine->exec({"/bin/pwd"}, "alice", "/root/..").said.error == std::nullopt);
}

TEST_F(Exec, TerminalIsOfTheMachinesOwnDevpts)
{
    kernel::Message request =
        machine->exec_request({"/bin/sh", "-c", "tty; stty size; echo $TERM; test -t 0 && ps -o pid,tty | grep -c 136"});
    request.add("tty", int64_t{1}).add("rows", int64_t{33}).add("cols", int64_t{101}).add("term", "xterm-holm");
    Said said = machine->run_setup(std::move(request), machine->exec_fds({}));
    ASSERT_FALSE(said.error) << said.error->text;
    std::string output(256, '\0'), all;
    for (ssize_t size; (size = ::read(said.terminal.get(), output.data(), output.size())) > 0;)
        all.append(output, 0, static_cast<size_t>(size));
    EXPECT_EQ(all.substr(0, all.find("xterm-holm")), "/dev/pts/0\r\n33 101\r\n") << all;
    EXPECT_EQ(kernel::wait_exit(said.leader.get())->value, 0);
}

TEST_F(Exec, WithoutACommandItIsTheUsersLoginShell)
{
    Pair in = std::move(*make_pipe()), out = std::move(*make_pipe());
    kernel::Message request = machine->exec_request({});
    request.add("user", "alice");
    Said said = machine->run_setup(std::move(request), machine->exec_fds({in.first.get(), out.second.get(), 2}));
    ASSERT_FALSE(said.error) << said.error->text;
    out.second.reset();
    ASSERT_TRUE(write_all(in.second.get(), "echo $0; pwd; exit\n"));
    EXPECT_EQ(*read_all(out.first.get(), 1 << 16), "-sh\n/home/alice\n");
    std::ignore = kernel::wait_exit(said.leader.get());
}

TEST_F(Exec, JoinsAMachineOfAnyKind)
{
    for (machine::IdMapping mapping : {machine::IdMapping::Identity, machine::IdMapping::Host}) {
        launch::Plan plan = machine->plan();
        plan.rootfs.ids = {.mapping = mapping, .base = 0, .count = 65536};
        plan.network.kind = network::Kind::Host;
        plan.security.boottime_offset = std::chrono::hours(24 * 1000);
        Machine other(scratch, plan);
        ASSERT_FALSE(other.boot().error) << other.said.error->text;
        Finished done = other.exec(
            {"/bin/sh", "-c",
             "for n in pid mnt uts ipc net cgroup user time; do test $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) || "
             "echo $n differs; done; id -u; cat /proc/uptime"});
        ASSERT_FALSE(done.said.error) << done.said.error->text;
        EXPECT_EQ(done.output.substr(0, 4), "0\n86") << done.output;
    }
}

TEST_F(Exec, CommandThatIsNotThereIsSaidSo)
{
    Finished done = machine->exec({"not-there"});
    ASSERT_TRUE(done.said.error);
    EXPECT_EQ(done.said.error->code, Errc::NoCommand);
    EXPECT_FALSE(done.said.started);
}

TEST_F(Exec, NoDescriptorOfTheHostIsOpen)
{
    EXPECT_EQ(machine->exec({"/bin/sh", "-c", "ls /proc/$$/fd; true"}).output, "0\n1\n2\n");
}

TEST_F(Exec, MachineThatHasEndedIsSaidSo)
{
    kernel::Message request = machine->exec_request({"/bin/true"});
    ASSERT_TRUE(kernel::signal_process(machine->said.leader.get(), SIGKILL));
    ASSERT_TRUE(kernel::wait_exit(machine->said.leader.get()));
    Said said = machine->run_setup(std::move(request), machine->exec_fds({0, 1, 2}));
    ASSERT_TRUE(said.error);
    EXPECT_EQ(said.error->code, Errc::Unavailable);
    machine->said.leader.reset();
}

}  // namespace
}  // namespace holm::test
