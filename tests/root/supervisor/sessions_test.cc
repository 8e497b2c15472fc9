// Consoles and commands in a machine, through the real supervisor.
#include <fcntl.h>
#include <signal.h>

#include "supervised.h"

namespace holm::test {
namespace {

using kernel::Message;

struct Exec {
    Session session;
    Fd input, output;
};

Message exec_request(std::string_view script, bool terminal)
{
    Message request("exec");
    request.add("arg", script).add("tty", int64_t{terminal});
    return request;
}

Exec start_exec(Supervised& machine, std::string_view script)
{
    Exec exec;
    Pair in = make_pipe().value(), out = make_pipe().value();
    Message answer =
        machine.ask(exec_request(script, false), {exec.session.take_other().get(), in.first.get(), out.second.get(), out.second.get()});
    EXPECT_EQ(answer.kind, "ok") << answer.get("text");
    exec.input = std::move(in.second);
    exec.output = std::move(out.first);
    return exec;
}

Session attach(Supervised& machine)
{
    Session session;
    Message request("attach");
    request.add("rows", int64_t{33}).add("cols", int64_t{77});
    EXPECT_EQ(machine.ask(std::move(request), {session.take_other().get()}).kind, "ok");
    return session;
}

TEST(Exec, OwnDescriptorsAndCode)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    Exec exec = start_exec(machine, "cat; exit 4");
    ASSERT_TRUE(write_all(exec.input.get(), "xyz").has_value());
    exec.input.reset();
    EXPECT_EQ(read_all(exec.output.get(), 100).value(), "xyz");
    EXPECT_EQ(exec.session.wait_for("exit").get("code"), "4");
    EXPECT_EQ(exec.session.kinds.front(), "started");
    exec.session.wait_for("end");
    EXPECT_TRUE(soon([&] { return !machine.has_exec_folders(); }));
}

TEST(Exec, WhatRunsOnKeepsItsFolder)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    Exec exec = start_exec(machine, "sleep 1 >/dev/null 2>&1 & exit 0");
    exec.session.wait_for("exit");
    EXPECT_TRUE(machine.has_exec_folders());
    EXPECT_TRUE(soon([&] { return !machine.has_exec_folders(); }));
}

TEST(Exec, Signal)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    Exec exec = start_exec(machine, "exec sleep 1000");
    exec.session.wait_for("started");
    exec.session.say(std::move(Message("signal").add("signal", int64_t{SIGINT})));
    EXPECT_EQ(exec.session.wait_for("exit").get("signal"), "2");
}

TEST(Exec, TerminalGoesToTheClient)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    Session session;
    EXPECT_EQ(machine.ask(exec_request("stty raw -echo; cat", true), {session.take_other().get()}).kind, "ok");
    Message terminal = session.wait_for("terminal");
    ASSERT_EQ(terminal.fds.size(), 1u);
    // Its client goes, and with it the terminal: the kernel hangs the command up.
    terminal.fds.clear();
    session = Session();
    EXPECT_TRUE(soon([&] { return !machine.has_exec_folders(); }));
}

TEST(Exec, ManyAtOnce)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    std::vector<Exec> execs;
    for (int i = 0; i < 50; ++i) execs.push_back(start_exec(machine, "exit " + std::to_string(i)));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(execs[static_cast<size_t>(i)].session.wait_for("exit").get("code"), std::to_string(i));
    EXPECT_TRUE(soon([&] { return !machine.has_exec_folders(); }));
}

TEST(Exec, EndsWithTheMachine)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    Exec exec = start_exec(machine, "exec sleep 1000");
    exec.session.wait_for("started");
    machine.ask(Message("stop"));
    EXPECT_EQ(exec.session.wait_for("exit").get("signal"), "9");
    EXPECT_EQ(machine.wait_exit(), 0);
}

TEST(Exec, RefusedWhereItCannotBe)
{
    Supervised machine(Fields{{"script", "exec sleep 1000"}});
    machine.wait_for_state("running");
    machine.ask(Message("freeze"));
    Session session;
    EXPECT_EQ(kernel::error_of(machine.ask(exec_request("true", true), {session.take_other().get()})).code, Errc::Busy);
    machine.ask(Message("thaw"));
    EXPECT_EQ(kernel::error_of(machine.ask(exec_request("true", true))).code, Errc::Invalid);
    EXPECT_EQ(kernel::error_of(machine.ask(Message("nonsense"))).code, Errc::NotSupported);
    EXPECT_EQ(kernel::error_of(machine.ask(Message("go"))).code, Errc::NotSupported);
}

TEST(Console, AttachReplaysAndTypes)
{
    Supervised machine(Fields{{"script", "stty -echo; echo first; read x; stty size; echo got $x; read y"}});
    machine.session.wait_for_output("first");
    Session session = attach(machine);
    session.wait_for_output("first");
    session.type("hello\n");
    session.wait_for_output("got hello");
    EXPECT_NE(session.output.find("33 77"), std::string::npos);
    EXPECT_NE(machine.ask(Message("console")).get("text").find("got hello"), std::string_view::npos);
    machine.session.say(Message("stop"));
    session.wait_for("exit");
    machine.session.wait_for("exit");
}

TEST(Console, ForegroundLosesNothingAndSlowAttachIsTold)
{
    constexpr size_t size = 5'000'000;
    Supervised machine(Fields{{"script", "stty raw -echo; echo go; read x; head -c 5000000 /dev/zero | tr '\\0' x; printf END"}});
    machine.session.wait_for_output("go\n");
    Session slow = attach(machine);
    machine.session.output.clear();
    machine.session.type("\n");
    machine.session.wait_for("exit");
    EXPECT_EQ(machine.session.output.size(), size + 3);
    EXPECT_TRUE(machine.session.output.ends_with("xEND"));
    slow.wait_for("exit");
    EXPECT_GT(slow.lost, 0);
    EXPECT_EQ(static_cast<size_t>(slow.lost) + slow.output.size(), size + 3 + std::string_view("go\n").size());
}

TEST(Console, InputIsNotLostOnASlowPayload)
{
    Supervised machine(Fields{{"script", "stty raw -echo; echo go; sleep 0.5; head -c 1000000 | md5sum"}});
    machine.session.wait_for_output("go\n");
    machine.session.type(std::string(1'000'000, 'a'));
    machine.session.wait_for("exit");
    EXPECT_NE(machine.session.output.find("7707d6ae4e027c70eea2a935c2296f21"), std::string::npos);  // of that many a's
}

// A console that nobody has open inside is neither an end nor a reason to spin.
TEST(Console, QuietWhileNobodyHasItOpen)
{
    Supervised machine(Fields{{"script", "t=$(tty); exec 0>&- 1>&- 2>&-; sleep 1; echo back >$t; exec sleep 1000"}});
    machine.wait_for_state("running");
    machine.session.wait_for_output("back");
    std::string stat = read_file("/proc/" + std::to_string(machine.process().pid) + "/stat").value();
    std::vector<std::string_view> fields;
    for (size_t at = stat.rfind(')') + 2; at < stat.size();) {
        size_t end = stat.find(' ', at);
        fields.push_back(std::string_view(stat).substr(at, end - at));
        at = end == stat.npos ? stat.size() : end + 1;
    }
    EXPECT_LT(std::stol(std::string(fields.at(11))) + std::stol(std::string(fields.at(12))), 20);  // clock ticks of 10 ms
}

}  // namespace
}  // namespace holm::test
