// Overlay stacks and uppers: the paragraph "Upper" of holm.machine(5), layer by layer.
#include <algorithm>
#include <filesystem>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class StackTest : public SystemTest {
protected:
    // A machine over `lowers` that runs `script` to its end.
    Outcome over(const std::vector<std::string>& lowers, const std::string& script, std::vector<std::string> options = {})
    {
        std::vector<std::string> arguments = {"run", "--rm", "--name=" + name()};
        for (const std::string& lower : lowers) arguments.push_back("--lower=" + lower);
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"--", "/bin/sh", "-c", script});
        return holmctl(arguments);
    }
    std::string layer(const std::string& called, const std::string& file, const std::string& content)
    {
        std::string path = folder() + "/" + called;
        make_folder(fs::path(path + "/" + file).parent_path());
        write_file(path + "/" + file, content);
        return path;
    }
    static unsigned owner(const std::string& path)
    {
        struct stat status;
        return lstat(path.c_str(), &status) == 0 ? status.st_uid : ~0U;
    }
};

TEST_F(StackTest, SixtyFourLayersInOrder)
{
    std::vector<std::string> lowers;
    for (int i = 0; i < 63; i++) lowers.push_back(layer(fmt::format("layer-{}", i), fmt::format("srv/{}", i), "x"));
    for (int i : {3, 10, 62}) write_file(lowers[static_cast<size_t>(i)] + "/srv/who", std::to_string(i));
    lowers.push_back(busybox());
    Outcome outcome = over(lowers, "ls /srv | wc -l; cat /srv/who", {"--upper=" + folder() + "/upper"});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(outcome.out, "64\n3");
}

TEST_F(StackTest, PathsWithEveryCharacter)
{
    for (const std::string& odd : std::vector<std::string>{"with space", "colon:colon", "comma,comma", "back\\slash", "q\"uo'te", "a=b",
                                                           "$HOME", "%i", "ünï", "lower,upperdir=x:y\\,z", std::string(200, 'l')}) {
        std::string lower = layer(odd, "srv/file", odd), upper = folder() + "/up " + odd;
        Outcome outcome = over({lower, busybox()}, "cat /srv/file; echo changed >/srv/file", {"--upper=" + upper});
        EXPECT_TRUE(succeeds(outcome)) << printable(odd);
        EXPECT_EQ(outcome.out, odd);
        EXPECT_EQ(content_of(upper + "/srv/file"), "changed\n");
    }
}

TEST_F(StackTest, ChangesGoToTheUpperAndStay)
{
    std::string lower = layer("lower", "d/kept", "1"), upper = folder() + "/upper", base = busybox();
    write_file(lower + "/d/removed", "2");
    write_file(lower + "/d/changed", "3");
    make_folder(lower + "/opaque");
    write_file(lower + "/opaque/old", "4");
    ASSERT_EQ(chown((lower + "/d/changed").c_str(), 1000, 1000), 0);
    std::string before = hash_of_tree(lower), before_base = hash_of_tree(base);
    Outcome outcome = over({lower, base},
                           "rm /d/removed; echo new >>/d/changed; rm -r /opaque; mkdir /opaque; echo 5 >/opaque/new; mv /d /moved; ln "
                           "/moved/kept /moved/link; "
                           "chown 1000:1000 /opaque; chmod 4755 /opaque/new; mkfifo /fifo; ln -s /etc /slink",
                           {"--upper=" + upper});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(hash_of_tree(lower), before);
    EXPECT_EQ(hash_of_tree(base), before_base);
    outcome = over({lower, base}, "ls -d /d; ls /moved /opaque; cat /moved/changed; stat -c '%u %a' /opaque /opaque/new /moved/changed",
                   {"--upper=" + upper});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(outcome.out, "/moved:\nchanged\nkept\nlink\n\n/opaque:\nnew\n3new\n1000 755\n0 4755\n1000 644\n");
    EXPECT_EQ(owner(upper + "/opaque"), 1000U);
    EXPECT_EQ(owner(upper + "/opaque/new"), 0U);
    EXPECT_EQ(sh("find '" + upper + "' -xdev -uid +65535 -print -quit").out, "");
    EXPECT_EQ(hash_of_tree(lower), before);
}

TEST_F(StackTest, APathIsUsedInPlaceWithoutAnUpper)
{
    std::string root = busybox();
    EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + name(), "--root=" + root, "--", "/bin/touch", "/made"})));
    EXPECT_TRUE(exists(root + "/made"));
    EXPECT_EQ(owner(root + "/made"), 0U);
    std::string upper = folder() + "/upper", before = hash_of_tree(root);
    EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + name(), "--root=" + root, "--upper=" + upper, "--", "/bin/touch", "/other"})));
    EXPECT_EQ(hash_of_tree(root), before);
    EXPECT_TRUE(exists(upper + "/other"));
}

TEST_F(StackTest, TheDefaultUpperIsTheMachinesOwn)
{
    std::string machine = name(), root = busybox();
    EXPECT_TRUE(succeeds(holmctl({"run", "--name=" + machine, "--lower=" + root, "--", "/bin/touch", "/made"})));
    EXPECT_TRUE(exists("/var/lib/holm/machines/" + machine + "/upper/made"));
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_FALSE(exists("/var/lib/holm/machines/" + machine));
}

TEST_F(StackTest, EphemeralInMemoryHasItsSize)
{
    std::string root = busybox(), before = hash_of_tree(root), machine = name();
    define(machine,
           fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\nsize = \"8M\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n",
                       root));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/sh", "-c", "dd if=/dev/zero of=/some bs=1M count=4 2>/dev/null"})));
    Outcome outcome = holmctl({"exec", machine, "--", "/bin/sh", "-c", "dd if=/dev/zero of=/much bs=1M count=20"});
    EXPECT_NE(outcome.code, 0);
    EXPECT_TRUE(has(outcome.err, "No space left"));
    EXPECT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(hash_of_tree(root), before);
    EXPECT_FALSE(exists("/var/lib/holm/machines/" + machine + "/upper"));
}

TEST_F(StackTest, EphemeralOnDiskIsEmptiedAtTheEnd)
{
    std::string root = busybox(), upper = folder() + "/upper", machine = name();
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--ephemeral", "--name=" + machine, "--lower=" + root, "--upper=" + upper, "--",
                                  "/bin/sh", "-c", "mkdir -p /a/b/c; echo x >/a/b/c/d; exec sleep 1000"})));
    EXPECT_TRUE(eventually([&] { return exists(upper + "/a/b/c/d"); }));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(eventually([&] { return exists(upper) && fs::is_empty(upper); })) << sh("find " + upper).out;
}

TEST_F(StackTest, ReadOnlyIsLocked)
{
    std::string root = busybox(), before = hash_of_tree(root);
    auto attempt = [&](std::vector<std::string> how) {
        how.insert(how.end(), {"--read-only", "--capability=CAP_SYS_ADMIN", "--", "/bin/sh", "-c",
                               "touch /new && exit 7; mount -o remount,rw / && touch /new && exit 8; mount -o remount,rw,bind / && touch "
                               "/new && exit 9; exit 0"});
        std::vector<std::string> arguments = {"run", "--rm", "--name=" + name()};
        arguments.insert(arguments.end(), how.begin(), how.end());
        return holmctl(arguments);
    };
    EXPECT_TRUE(exits(attempt({"--root=" + root}), 0));
    EXPECT_TRUE(exits(attempt({"--lower=" + layer("top", "srv/x", "x"), "--lower=" + root}), 0));
    EXPECT_EQ(hash_of_tree(root), before);
}

TEST_F(StackTest, VolatileKeepsUsrAlone)
{
    std::string root = folder() + "/usr-root", machine = name();
    make_folder(root + "/usr");
    ASSERT_TRUE(succeeds(sh("cp -a \"$HOLM_BUSYBOX/bin\" " + root + "/usr/bin && ln -s usr/bin " + root + "/bin && mkdir " + root +
                            "/etc " + root + "/srv && echo secret >" + root + "/etc/of-the-root")));
    std::string before = hash_of_tree(root);
    define(machine, fmt::format("[root]\npath = \"{}\"\nmode = \"volatile\"\n[payload]\ncommand = [\"/usr/bin/sleep\", \"1000\"]\n", root));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    auto inside = [&](const std::string& script) { return holmctl({"exec", machine, "--", "/usr/bin/sh", "-c", script}); };
    EXPECT_FALSE(succeeds(inside("test -e /etc/of-the-root")));
    EXPECT_TRUE(succeeds(inside("touch /etc/new /var/new")));
    EXPECT_FALSE(succeeds(inside("touch /usr/new")));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(hash_of_tree(root), before);
}

TEST_F(StackTest, AnUpperIsOneMachinesAtATime)
{
    std::string root = busybox(), machine = name(), other = name();
    EXPECT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--", "/bin/sleep", "1000"})));
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--name=" + other, "--root=" + root, "--", "/bin/true"}), 125, machine))
        << "a root that is written in place";
    EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + other, "--root=" + root, "--read-only", "--", "/bin/true"})))
        << "reading is free";
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--name=" + other, "--lower=" + root, "--ephemeral", "--", "/bin/true"}), 125, machine))
        << "a layer that is written in place";
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(eventually([&] { return holmctl({"run", "--rm", "--name=" + other, "--root=" + root, "--", "/bin/true"}).code == 0; }));
}

TEST_F(StackTest, ALayerOfWhatRunsIsNotWritten)
{
    std::string base = busybox(), root = busybox(), upper = folder() + "/upper", machine = name(), other = name();
    ASSERT_TRUE(
        succeeds(holmctl({"run", "--detach", "--name=" + machine, "--lower=" + base, "--upper=" + upper, "--", "/bin/sleep", "1000"})));
    auto refused = [&](std::vector<std::string> options) {
        std::vector<std::string> arguments{"run", "--rm", "--name=" + other};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"--", "/bin/true"});
        return refuses(holmctl(arguments), 125, machine);
    };
    EXPECT_TRUE(refused({"--root=" + base}));
    EXPECT_TRUE(refused({"--lower=" + root, "--upper=" + base}));
    EXPECT_TRUE(refused({"--lower=" + upper, "--lower=" + root, "--ephemeral"}));
    EXPECT_TRUE(refused({"--lower=" + upper + ".work", "--lower=" + root, "--ephemeral"}));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(eventually([&] { return holmctl({"run", "--rm", "--name=" + other, "--root=" + base, "--", "/bin/true"}).code == 0; }));
}

TEST_F(StackTest, TheSameLowerServesMany)
{
    std::string root = busybox(), before = hash_of_tree(root);
    for (int i = 0; i < 5; i++) {
        std::string machine = name();
        ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--ephemeral", "--name=" + machine, "--lower=" + root, "--", "/bin/sh", "-c",
                                      fmt::format("echo {} >/who; exec sleep 1000", i)})));
        EXPECT_TRUE(eventually([&] { return holmctl({"exec", machine, "--", "/bin/cat", "/who"}).out == fmt::format("{}\n", i); }));
    }
    EXPECT_EQ(hash_of_tree(root), before);
}

TEST_F(StackTest, BindsComeAfterTheOverlay)
{
    std::string source = layer("shared", "file", "from outside"), root = busybox();
    ASSERT_EQ(chown((source + "/file").c_str(), 0, 0), 0);
    Outcome outcome =
        over({root}, "cat /mnt/new/file; stat -c %u /mnt/new/file; touch /mnt/new/made", {"--ephemeral", "--bind=" + source + ":/mnt/new"});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_EQ(outcome.out, "from outside0\n");
    EXPECT_EQ(owner(source + "/made"), 0U) << "a bind maps root to root";
    EXPECT_FALSE(exists(root + "/mnt")) << "a mount point was made in the lower";
}

// A snapshot of a machine that runs is a copy of its upper: both have the folder that hides what the layers have in it.
TEST_F(StackTest, AFolderReplacedBeforeASnapshotIsNoChangeSince)
{
    const std::string machine = name(), root = busybox();
    make_folder(root + "/replaced");
    write_file(root + "/replaced/old", "1");
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"rm -r /replaced; mkdir "
                                "/replaced; echo 2 > /replaced/new; touch /done; exec sleep 1000\"]\nstop_signal = \"SIGKILL\"\n"
                                "[[network]]\nnetwork = \"none\"\n",
                                root));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return has(holmctl({"diff", machine}).out, "A /done\n"); }));
    EXPECT_TRUE(has(holmctl({"diff", machine}).out, "O /replaced/\n"));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "live"})));
    EXPECT_EQ(holmctl({"diff", "--since=live", machine}).out, "");
    EXPECT_TRUE(succeeds(inside(machine, "rm /replaced/new; echo 3 > /replaced/newer")));
    EXPECT_EQ(holmctl({"diff", "--since=live", machine}).out, "D /replaced/new\nA /replaced/newer\n");
}

}  // namespace holm::test
