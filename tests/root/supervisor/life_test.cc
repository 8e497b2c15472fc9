// The life of a payload under the real supervisor: start, end, stop, reboot, deadlines, and what may be said on the way.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "supervised.h"

namespace holm::test {
namespace {

using kernel::Message;

TEST(Life, CommandEndsWithItsCode)
{
    Supervised machine(Fields{{"script", "echo hello; exit 3"}});
    EXPECT_EQ(machine.session.wait_for("exit").get("code"), "3");
    EXPECT_EQ(machine.session.kinds.front(), "started");
    EXPECT_NE(machine.session.output.find("hello\r\n"), std::string::npos);
    EXPECT_EQ(machine.wait_exit(), 3);
    EXPECT_EQ(machine.result().at("result"), "exited");
    EXPECT_EQ(machine.result().at("console"), "hello");
}

// The end of the payload's output is seen by its reader, though the supervisor had the descriptors before it.
TEST(Life, PipesAreThePayloadsAlone)
{
    Supervised machine(Fields{{"script", "cat; exec >&- 2>&-; sleep 1000"}}, Streams::Pipes);
    ASSERT_TRUE(write_all(machine.input.get(), "abc").has_value());
    machine.input.reset();
    EXPECT_EQ(read_all(machine.output.get(), 100).value(), "abc");
    machine.ask(Message("terminate"));
    EXPECT_EQ(machine.session.wait_for("exit").get("signal"), "9");
}

TEST(Life, EndBeforeGoEndsTheSupervisor)
{
    Pair channel = make_socket_pair().value();
    kernel::Child process = kernel::clone_process(0).value();
    if (process.pid == 0) {
        ::dup2(channel.second.get(), 100);
        ::execl(SUPERVISOR_PROGRAM, "holm-supervisor", "--machine=test", "--plan=/nowhere", "--channel=100", nullptr);
        ::_exit(127);
    }
    channel.second.reset();
    channel.first.reset();
    EXPECT_EQ(kernel::wait_exit(process.pidfd.get()).value().value, 0);
}

TEST(Life, StopOfACommandWithoutAHandler)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    EXPECT_EQ(machine.ask(Message("stop")).kind, "ok");
    EXPECT_EQ(machine.session.wait_for("exit").get("signal"), "15");
    EXPECT_EQ(machine.wait_exit(), 0);
    EXPECT_EQ(machine.result().at("result"), "signalled");
}

TEST(Life, OrderlyStop)
{
    Supervised machine(Fields{{"script", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"}});
    machine.session.wait_for_output("up");
    ASSERT_TRUE(kernel::signal_process(machine.process().pidfd.get(), SIGTERM).has_value());
    EXPECT_EQ(machine.session.wait_for("exit").get("code"), "0");
    EXPECT_NE(machine.session.output.find("bye"), std::string::npos);
}

// The payload says that it is there before holm-setup has ended: what is asked of it then waits for that.
TEST(Life, AKillOfAPayloadThatHasJustStarted)
{
    Supervised machine(Fields{{"script", "echo up; exec sleep 1000"}, {"linger", "700000"}});
    machine.session.wait_for_output("up");
    Message kill("kill");
    kill.add("signal", int64_t{SIGKILL}).add("whom", "all");
    EXPECT_EQ(machine.ask(std::move(kill)).kind, "ok");
    EXPECT_EQ(machine.session.wait_for("exit").get("signal"), "9");
}

TEST(Life, AStopOfAPayloadThatHasJustStarted)
{
    Supervised machine(Fields{{"script", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"}, {"linger", "700000"}});
    machine.session.wait_for_output("up");
    EXPECT_EQ(machine.ask(Message("stop")).kind, "ok");
    EXPECT_EQ(machine.wait_for_state("ended").get("result"), "exited");
}

// A scope's KillSignal is SIGCONT: an order where PID 1 sent it, else nothing.
TEST(Life, ContinueFromPid1IsAStop)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    kernel::Child other = kernel::clone_process(0).value();
    if (other.pid == 0) ::_exit(kernel::signal_process(machine.process().pidfd.get(), SIGCONT) ? 0 : 1);
    EXPECT_EQ(kernel::wait_exit(other.pidfd.get()).value().value, 0);
    EXPECT_EQ(machine.ask(Message("console")).kind, "console");
    if (::getpid() != 1) GTEST_SKIP() << "not the PID 1 of a namespace";
    ASSERT_TRUE(kernel::signal_process(machine.process().pidfd.get(), SIGCONT).has_value());
    EXPECT_EQ(machine.session.wait_for("exit").get("signal"), "15");
}

TEST(Life, StopDeadlineKills)
{
    Supervised machine(Fields{{"script", "trap '' TERM; echo up; while :; do sleep 0.05; done"}, {"stop_timeout", "300000"}});
    machine.session.wait_for_output("up");
    machine.ask(Message("stop"));
    Message ended = machine.wait_for_state("ended");
    EXPECT_EQ(ended.get("result"), "killed");
    EXPECT_EQ(ended.get("why"), "the machine did not stop within 300ms and was killed");
    EXPECT_EQ(machine.wait_exit(), 1);
}

// An init that has not set up its signals yet gets the order as soon as it has.
TEST(Life, StopWaitsForTheHandlersOfAnInit)
{
    Supervised machine(Fields{{"script", "sleep 1; trap 'exit 0' TERM; while :; do sleep 0.05; done"}, {"boot", "1"}});
    machine.wait_for_state("running");
    machine.ask(Message("stop"));
    EXPECT_EQ(machine.wait_for_state("ended").get("result"), "exited");
}

// A shell has every signal blocked while it forks, and takes notice of none of them.
TEST(Life, StopOfAShellThatForksAllTheTime)
{
    Supervised machine(Fields{{"script", "while :; do /bin/true; done"}});
    machine.wait_for_state("running");
    machine.ask(Message("stop"));
    EXPECT_EQ(machine.wait_for_state("ended").get("result"), "signalled");
}

TEST(Life, ReadyIsOfTheLeaderAlone)
{
    // perl: the only thing on every Debian that speaks datagrams
    std::string perl =
        "exec perl -MSocket -e 'socket($s,AF_UNIX,SOCK_DGRAM,0); connect($s,sockaddr_un(\"" + notify_path() +
        "\")); if (!fork) { send($s,\"READY=1\",0); exit } wait; print \"told\\n\"; $|=1; sleep 1; send($s,\"READY=1\",0); sleep 1000'";
    Supervised machine(Fields{{"script", perl}, {"ready", "notify"}, {"notify", notify_path()}});
    machine.wait_for_state("started");
    auto before = std::chrono::steady_clock::now();
    machine.wait_for_state("running");
    EXPECT_GT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(500));
    machine.session.wait_for("ready");
}

TEST(Life, StartDeadlineSaysWhatWasWaitedFor)
{
    Supervised never_ready(Fields{{"script", "sleep 1000"}, {"ready", "notify"}, {"notify", notify_path()}, {"start_timeout", "300000"}});
    EXPECT_EQ(never_ready.wait_for_state("ended").get("why"), "the machine was not ready within 300ms: no READY=1 from its init");
    EXPECT_EQ(never_ready.session.wait_for("error").get("text"), "the machine was not ready within 300ms: no READY=1 from its init");

    Supervised never_started(Fields{{"hang", "1"}, {"start_timeout", "300000"}});
    EXPECT_EQ(never_started.wait_for_state("ended").get("why"), "the machine was not started within 300ms");
}

TEST(Life, RebootsFromInside)
{
    Supervised machine(Fields{{"reboots", "20"}, {"boot", "1"}, {"init", "systemd"}});
    Message ended = machine.wait_for_state("ended");
    EXPECT_EQ(ended.get("result"), "poweroff");
    EXPECT_EQ(ended.get("boots"), "21");
    EXPECT_EQ(machine.wait_exit(), 0);
}

TEST(Life, RebootFromOutsideKeepsTheSession)
{
    Supervised machine(Fields{{"script", "echo up; exec sleep 1000"}});
    machine.session.wait_for_output("up");
    EXPECT_EQ(machine.ask(Message("reboot")).kind, "ok");
    Message again = machine.wait_for_state("running", {{"boots", "2"}});
    EXPECT_GT(again.get_number("leader").value_or(0), 0);
    machine.session.output.clear();
    machine.session.wait_for_output("up");
}

TEST(Life, WhatCannotBeExecuted)
{
    Supervised machine(Fields{{"program", "/nowhere/sh"}});
    Message said = machine.session.wait_for("error");
    EXPECT_EQ(kernel::error_of(said).code, Errc::NoCommand);
    EXPECT_EQ(machine.wait_exit(), 1);
}

TEST(Life, SetupThatSaysWhatItMayNot)
{
    std::string flood, locks;
    for (int i = 0; i < 400; ++i) flood += "warning ", locks += "lock ";
    for (const std::string& words :
         {std::string("facts"), std::string("leader"), std::string("nonsense"), std::string("notify"), flood, locks}) {
        Supervised machine(Fields{{"script", "sleep 1000"}, {"say", words}});
        EXPECT_EQ(machine.wait_for_state("ended").get("result"), "failed") << words;
        EXPECT_EQ(machine.wait_exit(), 1);
    }
    Supervised silent(Fields{{"silent", "1"}});
    EXPECT_NE(silent.wait_for_state("ended").get("why").find("ended without a word: exit status 7"), std::string::npos);
}

TEST(Life, SignalsOfAllKindsDoNoHarm)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    for (int i = 0; i < 50; ++i)
        for (int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGPIPE, SIGALRM, SIGCHLD, SIGRTMIN + 4})
            ASSERT_TRUE(kernel::signal_process(machine.process().pidfd.get(), signal).has_value());
    EXPECT_EQ(machine.ask(Message("console")).kind, "console");
    Message hangup("kill");
    hangup.add("whom", "leader").add("signal", int64_t{SIGHUP});
    EXPECT_EQ(machine.ask(std::move(hangup)).kind, "ok");
    EXPECT_EQ(machine.session.wait_for("exit").get("signal"), "1");
}

TEST(Life, FrozenMachine)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    EXPECT_EQ(machine.ask(Message("freeze")).kind, "ok");
    machine.wait_for_state("running", {{"frozen", "1"}});
    EXPECT_EQ(machine.ask(Message("thaw")).kind, "ok");
    machine.wait_for_state("running", {{"frozen", "0"}});
    EXPECT_EQ(machine.ask(Message("freeze")).kind, "ok");
    EXPECT_EQ(machine.ask(Message("stop")).kind, "ok");
    EXPECT_EQ(machine.wait_for_state("ended").get("status"), "15");
}

TEST(Life, UpperIsEmptiedAtTheEnd)
{
    char folder[] = "/var/tmp/holm-root-test.XXXXXX";
    ASSERT_TRUE(::mkdtemp(folder));
    std::filesystem::create_directories(std::string(folder) + "/a/b/c");
    {
        Supervised machine(Fields{{"script", "exit 0"}, {"empty", folder}});
        EXPECT_EQ(machine.wait_exit(), 0);
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder));
    std::filesystem::remove(folder);
}

}  // namespace
}  // namespace holm::test
