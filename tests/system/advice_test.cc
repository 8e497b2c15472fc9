// What a user is told who would otherwise have to find out: of machines that do not run, of what this host has not got, of a shutdown's
// deadline.
#include <algorithm>

#include "host.h"

namespace holm::test {

class AdviceTest : public SystemTest {
protected:
    static std::string definition(const std::string& root)
    {
        return fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", root);
    }
};

TEST_F(AdviceTest, AListOfNoneTellsOfOthers)
{
    EXPECT_EQ(holmctl({"list"}).out, "No machines.\n");
    define(name(), definition(busybox()));
    EXPECT_EQ(holmctl({"list"}).out, "No machine runs; 1 other exists: 'holmctl list --all' shows it.\n");
    define(name(), definition(busybox()));
    for (const std::vector<std::string>& words : {std::vector<std::string>{"list"}, {}})
        EXPECT_EQ(holmctl(words).out, "No machine runs; 2 others exist: 'holmctl list --all' shows them.\n");
    EXPECT_EQ(holmctl({"--json=short", "list"}).out, "[]\n");
    EXPECT_EQ(holmctl({"list", "--no-legend"}).out, "");
    EXPECT_EQ(holmctl({"list", "no-such-*"}).out, "No machines.\n");
}

// What holm-shutdown.service leaves behind.
TEST_F(AdviceTest, TheDeadlineOfAShutdownIsNamed)
{
    for (const bool passed : {true, false}) {
        const std::string machine = background();
        if (passed) write_file("/run/holm/shutdown-deadline", "");
        sh(fmt::format("kill -KILL {}", status_line(leader_of(machine), "PPid")));
        EXPECT_TRUE(wait_for_state(machine, "failed"));
        const std::string why = holmctl({"why", machine}).out;
        EXPECT_EQ(why.contains("did not stop within the 300s that all machines have for that: [daemon] shutdown_timeout"), passed) << why;
        EXPECT_EQ(why.contains("Hint: see payload.stop_signal"), passed) << why;
        EXPECT_EQ(why.contains("its supervisor ended unexpectedly"), !passed) << why;
        if (!passed) continue;
        kill_holmd();
        EXPECT_TRUE(succeeds(holmctl({"list"})));
        EXPECT_FALSE(exists("/run/holm/shutdown-deadline")) << "the next holmd is after it";
    }
}

// What is well written, and names what another host has.
TEST_F(AdviceTest, VerifyTellsWhatIsNotThere)
{
    const std::string file = folder() + "/web.toml";
    auto verify = [&](const std::string& toml, std::vector<std::string> words = {"verify"}) {
        write_file(file, toml);
        words.push_back(file);
        const Outcome verified = holmctl(words);
        EXPECT_EQ(verified.code, 0) << verified.err;
        EXPECT_EQ(verified.out, "");
        return verified.err;
    };
    const std::string good = fmt::format("[root]\npath = \"{}\"\n", busybox());
    EXPECT_EQ(verify(good), "");
    EXPECT_EQ(verify("[root]\npath = \"/no/root\"\n"),
              fmt::format("holmctl: warning: root.path ({}:2:1): '/no/root' is not on this host\n", file));
    EXPECT_EQ(verify("[root]\npath = \"/no/root\"\n", {"-q", "verify"}), "");
    for (const auto& [toml, what] : std::vector<std::pair<std::string, std::string>>{
             {"[root]\nimage = \"no-image\"\n", "root.image (" + file + ":2:1): image 'no-image' is not on this host"},
             {"[root]\nlower = [\"/usr\", \"/no/layer\"]\n", "'/no/layer' is not"},
             {good + "[[mount]]\nsource = \"/no/www\"\ntarget = \"/www\"\n", "mount[0].source"},
             {good + "[[mount]]\nsource = \"no-volume\"\ntarget = \"/www\"\ntype = \"volume\"\n", "volume 'no-volume'"},
             {good + "[[mount]]\nsource = \"no-image\"\ntarget = \"/www\"\ntype = \"image\"\n", "image 'no-image'"},
             {good + "[[network]]\nnetwork = \"no-net\"\n", "network 'no-net'"},
             {good + "[[network]]\nnetwork = \"bridge:nobr0\"\n", "interface 'nobr0'"},
             {good + "[security]\ndevices = [\"/dev/no-device\"]\n", "'/dev/no-device'"},
             {good + "[[credential]]\nname = \"a\"\nfile = \"/no/secret\"\n", "'/no/secret'"},
             {good + "[identity]\ntimezone = \"No/Where\"\n", "'/usr/share/zoneinfo/No/Where'"},
             {"owner = \"no-user\"\n" + good, "user 'no-user'"}}) {
        const std::string said = verify(toml);
        EXPECT_TRUE(has(said, what));
        EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
    }
    EXPECT_EQ(verify(good + "[[mount]]\nsource = \"/no/www\"\ntarget = \"/www\"\noptional = true\n[[mount]]\ntarget = \"/t\"\ntype = "
                            "\"tmpfs\"\n[[network]]\nnetwork = \"holm0\"\n[[network]]\nnetwork = \"macvlan:lo\"\n"),
              "");
    const std::string machine = name();
    define(machine, "[root]\npath = \"/no/root\"\n");
    for (const std::vector<std::string>& words : {std::vector<std::string>{"verify", machine}, {"verify"}}) {
        const Outcome verified = holmctl(words);
        EXPECT_EQ(verified.code, 0);
        EXPECT_TRUE(has(verified.err, "warning: root.path (/etc/holm/machines/" + machine + ".toml:2:1)"));
    }
}

// Of a limit whose controller this host has not, a start and `verify` tell.
TEST_F(AdviceTest, ALimitThatNothingEnforces)
{
    const bool enforced = content_of("/sys/fs/cgroup/cgroup.controllers").contains("memory");
    const std::string machine = name(),
                      warning = "MemoryMax of [resources] is not enforced: cgroup v2 of this host has no controller 'memory'";
    define(machine, definition(busybox()) + "[resources]\nMemoryMax = \"64M\"\n");
    EXPECT_EQ(holmctl({"verify", machine}).err.contains(warning), !enforced);
    const Outcome started = holmctl({"start", machine});
    EXPECT_EQ(started.code, 0) << started.err;
    EXPECT_EQ(started.err.contains(warning), !enforced) << started.err;
    EXPECT_EQ(holmctl({"plan", machine}).code, 0);
}

}  // namespace holm::test
