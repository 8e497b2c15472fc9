// Bad input: refused with the documented exit code and one sentence that has a noun, and nothing is left of it (the fixture
// sees to that: names here are not taken away by it unless said).
#include <filesystem>

#include <sys/stat.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

class BadInputTest : public SystemTest {
protected:
    // A run that must be refused. Its name is not known to the fixture: what it left would be seen.
    static Outcome run_with(std::vector<std::string> options, std::vector<std::string> command = {"/bin/true"})
    {
        std::vector<std::string> arguments = {"run", "--name=refused"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        if (!command.empty()) arguments.push_back("--");
        arguments.insert(arguments.end(), command.begin(), command.end());
        return holmctl(arguments);
    }
    // The sentence of `verify` for a definition.
    Outcome verify(const std::string& toml)
    {
        std::string file = folder() + "/web.toml";
        write_file(file, toml);
        return holmctl({"verify", file});
    }
    std::string mounted(const std::string& type, const std::string& options = "")
    {
        std::string at = folder() + "/" + type;
        make_folder(at);
        EXPECT_TRUE(succeeds(sh(fmt::format("mount -t {} {} {} {}", type, type, options.empty() ? "" : "-o " + options, at))));
        mounts_.push_back(at);
        return at;
    }
    void TearDown() override
    {
        for (auto at = mounts_.rbegin(); at != mounts_.rend(); ++at) run({"umount", "-l", *at});
        SystemTest::TearDown();
    }
    std::vector<std::string> mounts_;
};

TEST_F(BadInputTest, Roots)
{
    std::string file = folder() + "/file", fifo = folder() + "/fifo", dangling = folder() + "/dangling";
    write_file(file, "x");
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    fs::create_symlink("/no/such/place", dangling);
    EXPECT_TRUE(refuses(run_with({"--root=/no/such"}), 125, "/no/such"));
    EXPECT_TRUE(refuses(run_with({"--root=" + file}), 125, file));
    EXPECT_TRUE(refuses(run_with({"--root=" + fifo}), 125, fifo));
    EXPECT_TRUE(refuses(run_with({"--root=" + dangling}), 125, dangling));
    EXPECT_TRUE(refuses(run_with({"--root="}), 2, "root"));
    EXPECT_TRUE(refuses(run_with({}), 125, "root"));
    EXPECT_TRUE(refuses(run_with({"--root=" + busybox(), "--lower=/usr"}), 125, "lower"));
    std::string no_init = busybox();
    sh("rm -f " + no_init + "/bin/init " + no_init + "/bin/linuxrc " + no_init + "/init");
    EXPECT_TRUE(refuses(run_with({"--boot", "--root=" + no_init}, {}), 125, "init"));
    std::string empty = folder() + "/empty";
    make_folder(empty);
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + empty}), 127, "/bin/true"));
    EXPECT_TRUE(fs::is_empty(empty)) << "a refused start changed the root";
}

TEST_F(BadInputTest, Commands)
{
    std::string root = busybox();
    write_file(root + "/plain", "no program", 0644);
    write_file(root + "/no-interpreter", "#!/no/such/interpreter\n", 0755);
    write_file(root + "/wrong-format",
               "\x7f"
               "ELF garbage",
               0755);
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {"/no/such"}), 127, "/no/such"));
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {"no-such"}), 127, "no-such"));
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {"/plain"}), 126, "/plain"));
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {"/etc"}), 126, "/etc"));
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {"/wrong-format"}), 126, "/wrong-format"));
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {"/no-interpreter"}), 126, "/no-interpreter"));
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root}, {""}), 125, "command"));
}

TEST_F(BadInputTest, Layers)
{
    std::string lower = busybox(), upper = folder() + "/upper";
    auto layers = [&](std::vector<std::string> options) { return run_with(options); };
    EXPECT_TRUE(refuses(layers({"--lower=" + lower, "--lower=/no/such", "--upper=" + upper}), 125, "/no/such"));
    std::string file = folder() + "/file";
    write_file(file, "x");
    EXPECT_TRUE(refuses(layers({"--lower=" + file, "--upper=" + upper}), 125, file));
    EXPECT_TRUE(refuses(layers({"--lower=" + lower, "--upper=" + lower}), 125, lower));
    EXPECT_TRUE(refuses(layers({"--lower=" + lower, "--lower=" + lower, "--upper=" + upper}), 125, lower));
    make_folder(upper + "/inner");
    EXPECT_TRUE(refuses(layers({"--lower=" + upper + "/inner", "--upper=" + upper}), 125, upper));
    make_folder(upper + ".work");
    ASSERT_TRUE(succeeds(run({"cp", "-a", lower, upper + ".work/inner"})));
    EXPECT_TRUE(refuses(layers({"--lower=" + upper + ".work/inner", "--upper=" + upper}), 125, upper + ".work"));
    EXPECT_TRUE(refuses(layers({"--lower=" + lower, "--upper=" + file}), 125, file));
    std::vector<std::string> many = {"--upper=" + upper};
    for (int i = 0; i < 65; i++) many.push_back(fmt::format("--lower={}/{}", folder(), i));
    EXPECT_TRUE(refuses(layers(many), 125, "64"));
}

// An overlay can neither carry an upper nor be id-mapped: the sentence says what to do instead.
TEST_F(BadInputTest, FileSystemsThatCannotDoIt)
{
    for (const char* part : {"l", "u", "w"}) make_folder(folder() + "/parts/" + part);
    std::string parts = folder() + "/parts";
    std::string overlay = mounted("overlay", fmt::format("lowerdir={0}/l,upperdir={0}/u,workdir={0}/w", parts));
    ASSERT_TRUE(succeeds(sh("cp -a \"$HOLM_BUSYBOX\"/. " + overlay)));
    EXPECT_TRUE(refuses(run_with({"--lower=" + busybox(), "--upper=" + overlay + "/upper"}), 125, overlay));
    Outcome mapped = run_with({"--root=" + overlay});
    EXPECT_TRUE(refuses(mapped, 125, overlay));
    EXPECT_TRUE(has(mapped.err, "overlay"));
    EXPECT_TRUE(has(mapped.err, "users")) << "what to do instead";
    // With what it proposes it works.
    EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + name(), "--root=" + overlay, "--users=host", "--", "/bin/true"})));
}

TEST_F(BadInputTest, UpperInUseNamesTheHolder)
{
    std::string upper = folder() + "/upper", holder = background(), root = busybox(), machine = name();
    ASSERT_TRUE(
        succeeds(holmctl({"run", "--detach", "--name=" + machine, "--lower=" + root, "--upper=" + upper, "--", "/bin/sleep", "1000"})));
    EXPECT_TRUE(refuses(run_with({"--lower=" + root, "--upper=" + upper}), 125, machine));
    std::string through = folder() + "/through";
    fs::create_symlink(upper, through);
    EXPECT_TRUE(refuses(run_with({"--lower=" + root, "--upper=" + through}), 125, machine)) << "the same folder by another path";
}

TEST_F(BadInputTest, Names)
{
    std::string root = busybox();
    for (const std::string& bad : std::vector<std::string>{".",
                                                           "..",
                                                           ".host",
                                                           "host",
                                                           "-a",
                                                           "a-",
                                                           "a/b",
                                                           "../x",
                                                           " a",
                                                           "a ",
                                                           "a b",
                                                           "a_b",
                                                           "a.",
                                                           ".a",
                                                           "a..b",
                                                           "a.-b",
                                                           "%s",
                                                           "a;b",
                                                           "a\nb",
                                                           "a\\x2d",
                                                           "ä",
                                                           "😀",
                                                           "a@b",
                                                           std::string(65, 'a'),
                                                           std::string(256, 'a'),
                                                           "\xff"})
        EXPECT_TRUE(refuses(holmctl({"run", "--name=" + bad, "--root=" + root, "--", "/bin/true"}), 125, "name")) << printable(bad);
    EXPECT_TRUE(refuses(holmctl({"start", "a_b"}), 1, "a_b"));
    for (const std::string& good : {std::string("A"), std::string("a.b.c"), std::string("0-9"), std::string(64, 'z')}) {
        adopt(good);
        EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + good, "--root=" + root, "--", "/bin/true"}))) << good;
    }
}

TEST_F(BadInputTest, UnknownMachinesHaveTheNearestName)
{
    adopt("frontend");
    define("frontend", "[root]\npath = \"/srv\"\n");
    for (const char* verb :
         {"start", "stop", "restart", "reboot", "terminate", "status", "show", "cat", "remove", "enable", "plan", "logs", "attach", "kill"})
        EXPECT_TRUE(refuses(holmctl({verb, "fronted"}), 1, "frontend")) << verb;
    EXPECT_TRUE(refuses(holmctl({"stop", "xyz"}), 1, "xyz"));
}

TEST_F(BadInputTest, UsageErrorsAreTwo)
{
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"no-such-verb"},
                                                                                           {"--no-such-option"},
                                                                                           {"start"},
                                                                                           {"run", "--no-such"},
                                                                                           {"exec"},
                                                                                           {"list", "--json=nonsense"},
                                                                                           {"wait", "x"},
                                                                                           {"run", "--name"},
                                                                                           {"wait", "x", "raedy"},
                                                                                           {"wait", "x", "ready", "--timeout=soon"},
                                                                                           {"stop", "--timeout=soon", "x"},
                                                                                           {"logs", "-n", "x", "web"},
                                                                                           {"kill", "-s", "FOO", "web"},
                                                                                           {"kill", "--kill-whom=main", "web"}}) {
        Outcome outcome = holmctl(arguments);
        EXPECT_TRUE(exits(outcome, 2));
        EXPECT_FALSE(outcome.err.empty());
        EXPECT_TRUE(outcome.out.empty()) << outcome.out;
    }
    EXPECT_TRUE(has(holmctl({"staart", "x"}).err, "start"));
    EXPECT_FALSE(succeeds(sh("holmctl list >/dev/full"))) << "a full device is an error";
    EXPECT_TRUE(succeeds(holmctl({"--help"})));
    EXPECT_TRUE(succeeds(holmctl({"--version"})));
}

TEST_F(BadInputTest, DefinitionsSayFileLineAndColumn)
{
    const std::string good = "[root]\npath = \"/srv\"\n";
    EXPECT_TRUE(succeeds(verify(good)));
    struct Row {
        std::string toml, place, noun;
    };
    for (const Row& row : std::vector<Row>{
             {good + "[payload]\nbot = true\n", ":4:1", "boot"},
             {"descripton = \"x\"\n" + good, ":1:1", "description"},
             {good + "[payloads]\n", ":3:2", "payload"},
             {good + "[payload]\nboot = \"yes\"\n", ":4:1", "payload.boot"},
             {good + "[payload]\ncommand = \"ls\"\n", ":4:1", "payload.command"},
             {good + "[resources]\nTasksMax = -1\n", ":4:1", "TasksMax"},
             {good + "[resources]\nNoSuchLimit = 1\n", ":4:1", "NoSuchLimit"},
             {good + "[resources]\nMemoryMax = \"18446744073709551616\"\n", ":4:1", "MemoryMax"},
             {good + "[security]\nusers = \"0:99999999999\"\n", ":4:1", "users"},
             {good + "[security]\nusers = \"some\"\n", ":4:1", "users"},
             {good + "[payload]\nstart_timeout = \"soon\"\n", ":4:1", "start_timeout"},
             {good + "[payload]\nstop_signal = \"SIGNONE\"\n", ":4:1", "SIGNONE"},
             {good + "[security]\ncapabilities = { add = [\"CAP_NONE\"] }\n", ":4:", "CAP_NONE"},
             {good + "[[mount]]\nsource = \"relative\"\ntarget = \"/x\"\n", ":4:1", "relative"},
             {good + "[[mount]]\nsource = \"/x\"\n", ":3:", "target"},
             {"[root]\npath = \"srv\"\n", ":2:1", "srv"},
             {"[root]\npath = \"/srv\"\nimage = \"x\"\n", ":3:", "image"},
             {"[root]\n", ":1:", "root"},
             {"[root]\npath = \"/srv\"\npath = \"/srv\"\n", ":3:", "path"},
             {"[root]\npath = \"/srv\n", ":2:", ""},
             {std::string("[root]\npath = \"/s\0rv\"\n", 21), ":2:", ""},
             {"[root]\npath = \"/s\xffrv\"\n", ":2:", ""},
             {"a = " + std::string(20'000, '['), ":1:", ""},
         }) {
        Outcome outcome = verify(row.toml);
        EXPECT_TRUE(refuses(outcome, 1, "web.toml" + row.place)) << printable(row.toml.substr(0, 200));
        EXPECT_TRUE(has(outcome.err, row.noun));
    }
    EXPECT_TRUE(refuses(verify(""), 1, "root"));
    EXPECT_TRUE(succeeds(verify("[root]\r\npath = \"/srv\"\r\n"))) << "CRLF";
    EXPECT_TRUE(refuses(verify(good + std::string(2 << 20, '#')), 1, "web.toml")) << "a file that is too large";
    EXPECT_TRUE(refuses(holmctl({"verify", "/no/such.toml"}), 1, "/no/such.toml"));
    // An installed one by its name.
    const std::string machine = name();
    EXPECT_TRUE(refuses(holmctl({"verify", machine}), 1, machine));
    define(machine, "[root]\npath = \"/srv\"\n");
    EXPECT_TRUE(succeeds(holmctl({"verify", machine})));
    define(machine, "[rooot]\n");
    EXPECT_TRUE(refuses(holmctl({"verify", machine}), 1, machine + ".toml:1:2"));
}

TEST_F(BadInputTest, UsersAndRanges)
{
    std::string root = busybox();
    EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root, "--user=nobody-here"}), 125, "nobody-here"));
    for (const char* user : {"-1", "4294967295", "4294967296", "99999999999", "0x0", "1000:", ":0", " "})
        EXPECT_TRUE(refuses(run_with({"--rm", "--root=" + root, std::string("--user=") + user}), 125, "user")) << user;
    for (const char* users : {"1", "0:0", "-1:65536", "4294967295:2", "65536", "65536:", "a:b", "65536:99999999999"})
        EXPECT_TRUE(refuses(run_with({"--root=" + root, std::string("--users=") + users}), 125, "users")) << users;
    std::string machine = background("exec sleep 1000", {"--users=2621440:65536"});
    EXPECT_TRUE(refuses(run_with({"--root=" + root, "--users=2621440:65536"}), 125, machine));
    EXPECT_TRUE(refuses(run_with({"--root=" + root, "--users=2621441:65536"}), 125, machine));
}

TEST_F(BadInputTest, OptionsOfRun)
{
    std::string root = "--root=" + busybox();
    for (const auto& [option, noun] : std::vector<std::pair<std::string, std::string>>{{"--bind=/no/such:/x", "/no/such"},
                                                                                       {"--bind=/etc:relative", "relative"},
                                                                                       {"--bind=:/x", "bind"},
                                                                                       {"--tmpfs=relative", "relative"},
                                                                                       {"--env=A", "A"},
                                                                                       {"--env==x", "env"},
                                                                                       {"--property=Nonsense=1", "Nonsense"},
                                                                                       {"--property=MemoryMax", "MemoryMax"},
                                                                                       {"--capability=CAP_NONE", "CAP_NONE"},
                                                                                       {"--network=no-such-net", "network"},
                                                                                       {"--hostname=a_b", "a_b"},
                                                                                       {"--file=/no/such.toml", "/no/such.toml"}})
        EXPECT_TRUE(refuses(run_with({root, option}), 125, noun)) << option;
}

TEST_F(BadInputTest, GuestsThatDoNotComeUp)
{
    std::string machine = name(), root = busybox();
    define(
        machine,
        fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\nready = \"notify\"\nstart_timeout = \"1s\"\n",
                    root));
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "1s"));
    EXPECT_EQ(state_of(machine), "failed");
    EXPECT_FALSE(exists("/sys/fs/cgroup/machine.slice/" + service_of(machine)));

    sh("rm -f " + root + "/bin/init");
    write_file(root + "/bin/init", "#!/bin/sh\nexit 3\n", 0755);
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\nboot = true\nready = \"notify\"\n", root));
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "3"));
    EXPECT_EQ(state_of(machine), "failed");
    // The unit says the same to whoever asks systemd.
    EXPECT_FALSE(succeeds(run({"systemctl", "start", service_of(machine)})));
    EXPECT_EQ(unit_state(service_of(machine)), "failed");
}

TEST_F(BadInputTest, ADefinitionsErrorIsTheUnitsStatus)
{
    std::string machine = name();
    define(machine, "[root]\npath = \"/no/such\"\n");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "/no/such"));
    EXPECT_FALSE(succeeds(run({"systemctl", "start", service_of(machine)})));
    EXPECT_EQ(unit_property(service_of(machine), "ExecMainStatus"), "1");
    EXPECT_TRUE(has(unit_property(service_of(machine), "StatusText"), "/no/such"));
    EXPECT_TRUE(has(journal_of(service_of(machine)), "/no/such"));
}

TEST_F(BadInputTest, AScopesNameThatIsTaken)
{
    Process taken({"systemd-run", "--quiet", "--scope", "--unit=holm-refused.scope", "sleep", "1000"});
    ASSERT_TRUE(eventually([] { return unit_state("holm-refused.scope") == "active"; }));
    EXPECT_TRUE(refuses(run_with({"--root=" + busybox()}), 125, "holm-refused.scope"));
    run({"systemctl", "stop", "holm-refused.scope"});
    taken.wait(5s);
}

TEST_F(BadInputTest, ASliceThatIsMasked)
{
    std::string machine = name();
    run({"systemctl", "mask", "--runtime", "--quiet", "machine-masked.slice"});
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/true\"]\n[unit]\nslice = \"machine-masked.slice\"\n",
                                busybox()));
    Outcome outcome = holmctl({"run", "--rm", "--name=refused", "--file=/etc/holm/machines/" + machine + ".toml"});
    EXPECT_TRUE(refuses(outcome, 125, "machine-masked.slice"));
    run({"systemctl", "unmask", "--runtime", "--quiet", "machine-masked.slice"});
}

TEST_F(BadInputTest, AFullDisk)
{
    std::string root = busybox(), at = "/var/lib/holm/machines";
    make_folder(at);
    ASSERT_TRUE(succeeds(run({"mount", "-t", "tmpfs", "-o", "size=16k,mode=755", "tmpfs", at})));
    mounts_.push_back(at);
    sh("dd if=/dev/zero of=" + at + "/full bs=1k 2>/dev/null");
    EXPECT_TRUE(refuses(run_with({"--lower=" + root}), 125, "No space left on device"));
    EXPECT_FALSE(exists(at + "/refused")) << sh("find " + at).out;
}

}  // namespace holm::test
