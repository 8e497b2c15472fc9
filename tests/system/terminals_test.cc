// Many sessions at once, with terminals and with pipes, those whose client is gone from one moment to the next, and terminals of odd
// sizes: no byte is lost, nothing hangs, and nothing stays behind.
#include <memory>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class TerminalsTest : public SystemTest {
protected:
    void SetUp() override
    {
        SystemTest::SetUp();
        machine_ = background();
        supervisor_ = std::atoi(
            trim_copy(sh(fmt::format("cat /sys/fs/cgroup/machine.slice/{}/supervisor/cgroup.procs", scope_of(machine_))).out).c_str());
        ASSERT_GT(supervisor_, 1);
        left_ = held();
    }
    // Open files of its supervisor, terminals of the machine, groups of its commands, processes of the machine.
    std::string held() const
    {
        return sh(fmt::format(
                      "ls /proc/{0}/fd | wc -l; ls /proc/{1}/root/dev/pts | wc -l; find /sys/fs/cgroup/machine.slice/{2}/payload "
                      "-name 'holm-exec-*' | wc -l; cat $(find /sys/fs/cgroup/machine.slice/{2}/payload -name cgroup.procs) | wc -l",
                      supervisor_, leader_of(machine_), scope_of(machine_)))
            .out;
    }
    testing::AssertionResult leaves_nothing() const
    {
        if (eventually([&] { return held() == left_; }, 30s)) return testing::AssertionSuccess();
        return testing::AssertionFailure() << "before:\n" << left_ << "now:\n" << held();
    }
    std::unique_ptr<Process> on_terminal(const std::string& script, unsigned short rows = 24, unsigned short columns = 80)
    {
        return std::make_unique<Process>(std::vector<std::string>{"holmctl", "exec", "--tty", machine_, "--", "/bin/sh", "-c", script},
                                         Start{.stdio = Stdio::Terminal, .rows = rows, .columns = columns});
    }
    std::unique_ptr<Process> on_pipes(const std::string& script)
    {
        return std::make_unique<Process>(std::vector<std::string>{"holmctl", "exec", "--pipe", machine_, "--", "/bin/sh", "-c", script});
    }
    static std::string trim_copy(const std::string& text) { return std::string(trim(text)); }

    std::string machine_;
    int supervisor_ = 0;
    std::string left_;
};

TEST_F(TerminalsTest, ManyAtOnceLoseNothing)
{
    const int sessions = count(25, 8);
    const std::string bytes = pattern(300'000, 3), hash = sha256(bytes);
    std::vector<std::unique_ptr<Process>> terminals, pipes;
    for (int i = 0; i < sessions; ++i) {
        terminals.push_back(
            on_terminal(fmt::format("stty raw -echo; echo begin; head -c {} | sha256sum; read key; exit {}", bytes.size(), i)));
        pipes.push_back(
            on_pipes(fmt::format("cat >/tmp/all-{0}; sha256sum </tmp/all-{0}; cat /tmp/all-{0}; rm /tmp/all-{0}; exit {0}", i)));
        pipes.back()->write(bytes);
        pipes.back()->close_input();
    }
    for (auto& terminal : terminals) {
        ASSERT_TRUE(terminal->expect("begin")) << terminal->out();
        terminal->write(bytes);
    }
    for (auto& terminal : terminals) EXPECT_TRUE(terminal->expect(hash, 60s));
    for (int i = 0; i < sessions; ++i) {
        terminals[i]->write("\n");
        EXPECT_TRUE(exits(terminals[i]->wait(60s), i));
        Outcome piped = pipes[i]->wait(60s);
        EXPECT_TRUE(exits(piped, i));
        EXPECT_TRUE(piped.out.starts_with(hash) && piped.out.ends_with(bytes)) << "what came back differs";
    }
    EXPECT_TRUE(leaves_nothing());
}

// A client that is gone takes its terminal along, and with it what ran there; a command on pipes ends with those.
TEST_F(TerminalsTest, AbruptDisconnectsLeaveNothing)
{
    const int rounds = count(25, 3), each = 8;
    for (int round = 0; round < rounds; ++round) {
        std::vector<std::unique_ptr<Process>> clients;
        for (int i = 0; i < each; ++i) clients.push_back(i % 2 ? on_terminal("echo begun; exec cat") : on_pipes("echo begun; exec cat"));
        for (int i = 0; i < each; ++i) {
            // Some are gone before anything runs.
            if (i < each - 2) {
                ASSERT_TRUE(clients[i]->expect("begun")) << clients[i]->err();
            }
            clients[i]->signal(SIGKILL);
        }
        for (auto& client : clients) client->wait(20s);
    }
    EXPECT_TRUE(leaves_nothing());
    EXPECT_EQ(state_of(machine_), "running");
    Outcome after = inside(machine_, "echo here");
    EXPECT_EQ(after.out, "here\n") << after.err;
}

TEST_F(TerminalsTest, OddSizes)
{
    // The stty of busybox believes no more than 30000.
    const std::string plain = machine_, debian = name("debian");
    ASSERT_TRUE(succeeds(holmctl(
        {"run", "--detach", "--name=" + debian, "--root=" + guest(), "--ephemeral", "--network=none", "--", "/bin/sleep", "1000"})));
    machine_ = debian;
    auto large = on_terminal("stty size; trap 'echo now $(stty size)' WINCH; echo ready; while :; do sleep 0.1; done", 65535, 65535);
    ASSERT_TRUE(large->expect("65535 65535"));
    ASSERT_TRUE(large->expect("ready"));
    large->resize(1, 1);
    EXPECT_TRUE(large->expect("now 1 1"));
    large->resize(0, 0);  // says nothing: the last one holds
    large->resize(7, 65535);
    EXPECT_TRUE(large->expect("now 7 65535"));
    large->write("\x03");
    EXPECT_TRUE(exits(large->wait(20s), 130));
    auto none = on_terminal("stty size; exit 4", 0, 0);
    EXPECT_TRUE(none->expect("0 0"));
    EXPECT_TRUE(exits(none->wait(20s), 4));
    machine_ = plain;
    // The console of the machine bears them too.
    for (unsigned short size : {0, 65535}) {
        Process console({"holmctl", "attach", machine_}, {.stdio = Stdio::Terminal, .rows = size, .columns = size});
        console.resize(24, 80);
        console.write("\x1d\x1d\x1d");
        EXPECT_TRUE(exits(console.wait(20s), 0));
    }
    EXPECT_EQ(state_of(machine_), "running");
    EXPECT_TRUE(leaves_nothing());
}

// Each key is the program's; only ^] three times in a row is ours.
TEST_F(TerminalsTest, KeysMeanWhatTheyMeanOnATerminal)
{
    auto shell = on_terminal("PS1='> ' exec sh -i");
    ASSERT_TRUE(shell->expect("> "));
    // A key before the command has the terminal would be the shell's.
    auto runs = [&](const std::string& command) {
        shell->write(command + "\r");
        return shell->expect(command) &&
               eventually([&] { return inside(machine_, fmt::format("ps | grep '[{}]{}'", command[0], command.substr(1))).code == 0; },
                          30s);
    };
    ASSERT_TRUE(runs("sleep 2001"));
    shell->write("\x1a");
    EXPECT_TRUE(shell->expect("Stopped"));
    shell->write("kill -9 %1\r");
    ASSERT_TRUE(shell->expect("> "));
    ASSERT_TRUE(runs("sleep 2002"));
    shell->write("\x03");
    ASSERT_TRUE(shell->expect("> ")) << "what is typed before is taken away by the key";
    shell->write("echo code $?\r");
    EXPECT_TRUE(shell->expect("code 130"));
    ASSERT_TRUE(shell->expect("> "));
    shell->write("\x1d\x1d");
    shell->write(
        "\x15"
        "echo still\r");
    EXPECT_TRUE(shell->expect("still"));
    shell->write("exit 9\r");
    EXPECT_TRUE(exits(shell->wait(20s), 9));
    auto left = on_terminal("echo begun; exec cat");
    ASSERT_TRUE(left->expect("begun"));
    left->write("\x1d\x1d\x1d");
    EXPECT_TRUE(exits(left->wait(20s), 0));
    EXPECT_TRUE(leaves_nothing());
}

}  // namespace holm::test
