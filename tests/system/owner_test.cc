// The key `owner`: what its user may do with the machine, by polkit and the rule that is installed, and with no other.
#include "base/text.h"
#include "host.h"

namespace holm::test {

class OwnerTest : public SystemTest {
protected:
    // A user that every Debian has, without a password to be asked for.
    static Outcome as_daemon(std::vector<std::string> arguments, std::string_view input = {})
    {
        std::vector<std::string> command = {"setpriv",        "--reuid=daemon", "--regid=daemon",
                                            "--clear-groups", "holmctl",        "--no-ask-password"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command, input);
    }
    std::string owned_by(const std::string& user, const std::string& users = "auto")
    {
        const std::string machine = name();
        define(
            machine,
            fmt::format("owner = \"{}\"\n[root]\npath = \"{}\"\nmode = \"ephemeral\"\n[payload]\ncommand = [\"/bin/sleep\", \"100000\"]\n"
                        "[security]\nusers = \"{}\"\n",
                        user, busybox(), users));
        return machine;
    }
};

TEST_F(OwnerTest, MayStartEnterReadAndStopHisOwn)
{
    const std::string machine = owned_by("daemon");
    EXPECT_TRUE(succeeds(as_daemon({"start", machine})));
    EXPECT_EQ(as_daemon({"exec", machine, "--", "/bin/sh", "-c", "id -u; echo in >/tmp/f"}).out, "0\n") << "root of his machine";
    EXPECT_TRUE(succeeds(as_daemon({"show", machine})));
    EXPECT_TRUE(succeeds(as_daemon({"cat", machine})));
    EXPECT_TRUE(succeeds(as_daemon({"plan", machine})));
    EXPECT_TRUE(succeeds(as_daemon({"freeze", machine})));
    EXPECT_TRUE(succeeds(as_daemon({"thaw", machine})));
    EXPECT_TRUE(has(as_daemon({"copy-from", machine, "/tmp/f", "-"}).out, "in\n")) << "a stream is his own";
    EXPECT_TRUE(succeeds(as_daemon({"stop", machine})));
}

// Paths of the host are opened by root: they would read and write what he may not.
TEST_F(OwnerTest, MayNotReachTheHostByIt)
{
    const std::string machine = owned_by("daemon");
    ASSERT_TRUE(succeeds(as_daemon({"start", machine})));
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"copy-to", machine, "/etc/shadow", "/tmp/shadow"},
                                               {"copy-from", machine, "/etc/passwd", "/etc/cron.d/x"},
                                               {"bind", "--mkdir", machine, "/root", "/mnt/root"},
                                               {"unbind", machine, "/mnt/root"},
                                               {"debug", machine, "/bin/true"},
                                               {"remove", machine},
                                               {"enable", machine},
                                               {"disable", machine}}) {
        Outcome outcome = as_daemon(words);
        EXPECT_NE(outcome.code, 0) << words[0];
        EXPECT_TRUE(has(outcome.err, "org.holm1.manage")) << words[0];
    }
    EXPECT_FALSE(exists("/etc/cron.d/x"));
}

TEST_F(OwnerTest, MayNothingWithAnothers)
{
    const std::string machine = owned_by("games");
    for (const char* verb : {"start", "stop", "restart", "terminate", "plan", "remove"})
        EXPECT_TRUE(exits(as_daemon({verb, machine}), 1)) << verb;
    EXPECT_TRUE(exits(as_daemon({"exec", machine, "--", "/bin/true"}), 125));
    EXPECT_TRUE(exits(as_daemon({"shell", machine, "/bin/true"}), 125));
    EXPECT_EQ(state_of(machine), "stopped");
}

// Where root of the machine is root of the host the owner may start and stop it, and no more.
TEST_F(OwnerTest, GetsNoShellThatIsRootOfTheHost)
{
    for (const char* users : {"host", "identity"}) {
        const std::string machine = owned_by("daemon", users);
        ASSERT_TRUE(succeeds(as_daemon({"start", machine}))) << users;
        for (const char* verb : {"exec", "shell"}) EXPECT_TRUE(exits(as_daemon({verb, machine, "/bin/true"}), 125)) << verb << " " << users;
        EXPECT_TRUE(exits(as_daemon({"attach", machine}), 1)) << users;
        EXPECT_TRUE(exits(as_daemon({"copy-to", machine, "-", "/tmp"}), 1)) << users;
        EXPECT_TRUE(succeeds(holmctl({"exec", machine, "/bin/true"}))) << "root may";
        EXPECT_TRUE(succeeds(as_daemon({"stop", machine}))) << users;
    }
}

}  // namespace holm::test
