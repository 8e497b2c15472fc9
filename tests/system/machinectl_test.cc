// Scripts of machinectl: each step by machinectl and by holmctl in its place, and what has come of it compared. machinectl drives
// machines of holm by way of machined where that can; what systemd-nspawn would have to run is compared with what is documented.
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {
const std::vector<std::string> programs = {"machinectl", "holmctl"};

Outcome by(const std::string& program, std::vector<std::string> words)
{
    words.insert(words.begin(), program);
    return run(words, {}, 60s);
}

// machinectl shell wants a terminal.
Outcome in_terminal(const std::string& program, std::vector<std::string> words)
{
    words.insert(words.begin(), program);
    Process process(words, {.stdio = Stdio::Terminal});
    return process.wait(30s);
}

std::string first_words(const std::string& text)
{
    std::string words;
    for (std::string_view line : split(text, '\n'))
        if (!line.empty() && line.front() != ' ') words += fmt::format("{} ", line.substr(0, line.find(' ')));
    return words;
}
}  // namespace

class MachinectlTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        if (exists("/var/lib/holm/images/ctl-copy.toml")) holmctl({"remove-image", "ctl-copy"});
        for (const char* image : {"ctl", "ctl-copy", "ctl-moved"})
            sh(fmt::format("rm -rf /var/lib/machines/{0} /var/lib/machines/{0}.nspawn", image));
        sh("rmdir /var/lib/machines 2>/dev/null");
        SystemTest::TearDown();
    }
    // Ready again after the step before it.
    static bool is_ready(const std::string& machine, int boots)
    {
        return eventually(
            [&] { return machine_property(machine, "Boots") == fmt::format("u {}", boots) && state_of(machine) == "running"; }, 60s);
    }
};

TEST_F(MachinectlTest, ListStatusAndShow)
{
    const std::string machine = boot();
    for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{{}, {"-l"}, {"--no-pager"}, {"--full"}}) {
        std::vector<std::string> words = {"list", "--no-legend"};
        words.insert(words.end(), options.begin(), options.end());
        Outcome theirs = by("machinectl", words), ours = by("holmctl", words);
        ASSERT_TRUE(succeeds(theirs));
        ASSERT_TRUE(succeeds(ours));
        EXPECT_EQ(first_words(ours.out), first_words(theirs.out));
    }
    for (const char* property : {"Name", "Leader", "State", "Class", "Service", "Unit", "Id"}) {
        const std::string theirs = by("machinectl", {"show", machine, "-p", property}).out;
        EXPECT_EQ(by("holmctl", {"show", machine, "-p", property}).out, theirs);
        EXPECT_EQ(by("holmctl", {"show", "--property=" + std::string(property), machine}).out, theirs);
        EXPECT_EQ(by("holmctl", {"show", "-p", property, "--value", machine}).out,
                  by("machinectl", {"show", "-p", property, "--value", machine}).out);
    }
    for (const std::string& program : programs) {
        for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
                 {"status", machine}, {"status", "-n", "3", "-l", machine}, {"status", machine, "--lines=0", "-o", "cat", "--no-pager"}}) {
            Outcome status = by(program, words);
            EXPECT_TRUE(succeeds(status)) << program;
            EXPECT_TRUE(has(status.out, machine));
            EXPECT_TRUE(has(status.out, fmt::format("Leader: {}", leader_of(machine))));
            EXPECT_TRUE(has(status.out, scope_of(machine)));
        }
        for (const char* verb : {"status", "show", "poweroff", "reboot", "terminate", "kill", "login", "image-status", "remove"})
            EXPECT_TRUE(exits(by(program, {verb, "no-such"}), 1)) << program << " " << verb;
    }
}

TEST_F(MachinectlTest, ShellAndKill)
{
    const std::string machine = boot();
    for (const std::string& program : programs) {
        EXPECT_TRUE(has(in_terminal(program, {"shell", machine, "/bin/echo", "from-the-shell"}).out, "from-the-shell"));
        EXPECT_TRUE(has(in_terminal(program, {"-q", "shell", "daemon@" + machine, "/usr/bin/id", "-un"}).out, "daemon"));
        EXPECT_TRUE(has(
            in_terminal(program, {"shell", "--uid=daemon", "--setenv=A=of-the-caller", machine, "/bin/sh", "-c", "id -un; echo $A"}).out,
            "of-the-caller"));
        EXPECT_TRUE(has(in_terminal(program, {"shell", "-E", "A=short", machine, "/bin/sh", "-c", "echo x-$A"}).out, "x-short"));
        // A signal to PID 1 alone, and to all: the sleeper of the second dies.
        const std::string sleeper = "sleep 4711" + std::to_string(program.size());
        ASSERT_TRUE(succeeds(holmctl({"exec", "--detach", machine, "--", "/bin/sh", "-c", "exec " + sleeper})));
        auto sleeps = [&] { return holmctl({"exec", machine, "--", "pgrep", "-f", sleeper}).code == 0; };
        ASSERT_TRUE(eventually(sleeps, 5s));
        EXPECT_TRUE(succeeds(by(program, {"kill", machine, "--kill-whom=leader", "-s", "SIGWINCH"})));
        EXPECT_TRUE(succeeds(by(program, {"kill", "--signal=WINCH", "--kill-who=leader", machine})));
        EXPECT_TRUE(sleeps());
        EXPECT_TRUE(succeeds(by(program, {"kill", "--signal=28", "--kill-whom=all", machine}))) << "SIGWINCH does nothing";
        EXPECT_TRUE(sleeps());
        holmctl({"exec", machine, "--", "pkill", "-f", sleeper});
    }
}

TEST_F(MachinectlTest, CopiesAndBinds)
{
    // nspawn's machined refuses machines with a user namespace: theirs has none.
    const std::string machine = boot({"--users=host"});
    int number = 0;
    for (const std::string& program : programs) {
        const std::string source = fmt::format("{}/source{}", folder(), ++number), back = source + "-back";
        write_file(source, "content\n", 0640);
        EXPECT_TRUE(succeeds(by(program, {"copy-to", machine, source, "/root/here-" + program}))) << program;
        EXPECT_EQ(holmctl({"exec", machine, "--", "sh", "-c", "cat /root/here-" + program + "; stat -c %a /root/here-" + program}).out,
                  "content\n640\n");
        EXPECT_TRUE(exits(by(program, {"copy-to", machine, source, "/root/here-" + program}), 1)) << "it is there";
        EXPECT_TRUE(succeeds(by(program, {"copy-from", machine, "/root/here-" + program, back}))) << program;
        EXPECT_EQ(content_of(back), "content\n");
        EXPECT_TRUE(exits(by(program, {"copy-from", machine, "/no/such", back + "2"}), 1));
        ASSERT_TRUE(succeeds(sh(fmt::format("mkdir -p {0}-tree/sub; echo deep >{0}-tree/sub/file", source))));
        EXPECT_TRUE(succeeds(by(program, {"copy-to", machine, source + "-tree", "/root/tree-" + program}))) << program;
        EXPECT_EQ(holmctl({"exec", machine, "--", "cat", "/root/tree-" + program + "/sub/file"}).out, "deep\n");
        if (program == "machinectl") continue;  // it binds by a folder that nspawn has in its machines: "Operation not supported"
        const std::string target = "/mnt/" + program;
        EXPECT_TRUE(succeeds(by(program, {"bind", "--mkdir", machine, source + "-tree", target}))) << program;
        EXPECT_EQ(holmctl({"exec", machine, "--", "cat", target + "/sub/file"}).out, "deep\n");
        EXPECT_TRUE(succeeds(by(program, {"bind", machine, "--read-only", "--mkdir", source + "-tree", target + "-ro"}))) << program;
        EXPECT_NE(holmctl({"exec", machine, "--", "touch", target + "-ro/new"}).code, 0);
        EXPECT_TRUE(exits(by(program, {"bind", machine, source + "-tree", "/no/such/target"}), 1)) << program;
    }
}

TEST_F(MachinectlTest, RebootPoweroffAndTerminate)
{
    for (const std::string& program : programs) {
        const std::string machine = boot();
        EXPECT_TRUE(succeeds(by(program, {"reboot", machine})));
        EXPECT_TRUE(is_ready(machine, 2)) << program;
        EXPECT_TRUE(succeeds(by(program, {"poweroff", machine})));
        EXPECT_TRUE(eventually([&] { return state_of(machine) == "stopped"; }, 40s)) << program;
        EXPECT_EQ(machine_property(machine, "LastResult"), "s \"poweroff\"") << program;
        const std::string other = boot();
        EXPECT_TRUE(succeeds(by(program, {"terminate", other})));
        EXPECT_TRUE(eventually([&] { return leader_of(other) == 0 && by("machinectl", {"show", other}).code != 0; }, 20s)) << program;
    }
}

TEST_F(MachinectlTest, LoginAsksForAName)
{
    const std::string machine = boot();
    for (const std::string& program : programs) {
        Process process({program, "login", machine}, {.stdio = Stdio::Terminal});
        process.write("\n");
        EXPECT_TRUE(process.expect("login:")) << program;
        process.write("\x1d\x1d\x1d");
        process.wait(20s);
    }
}

TEST_F(MachinectlTest, Images)
{
    for (const std::string& program : programs) {
        ASSERT_TRUE(succeeds(sh(fmt::format("mkdir -p /var/lib/machines; cp -a {} /var/lib/machines/ctl", busybox()))));
        write_file("/var/lib/machines/ctl.nspawn", "[Exec]\nBoot=no\n");
        EXPECT_TRUE(has(" " + first_words(by(program, {"list-images", "--no-legend"}).out), " ctl ")) << program;
        Outcome status = by(program, {"image-status", "ctl"});
        EXPECT_TRUE(succeeds(status));
        for (const char* line : {"Type: directory", "Path: /var/lib/machines/ctl", "RO: writable"})
            EXPECT_TRUE(has(status.out, line)) << program;
        EXPECT_TRUE(succeeds(by(program, {"clone", "ctl", "ctl-copy"}))) << program;
        EXPECT_TRUE(succeeds(sh("diff -r --no-dereference /var/lib/machines/ctl /var/lib/machines/ctl-copy"))) << program;
        EXPECT_TRUE(exits(by(program, {"clone", "ctl", "ctl-copy"}), 1)) << program;
        EXPECT_TRUE(succeeds(by(program, {"rename", "ctl", "ctl-moved"}))) << program;
        EXPECT_FALSE(exists("/var/lib/machines/ctl"));
        EXPECT_TRUE(exists("/var/lib/machines/ctl-moved/bin"));
        EXPECT_TRUE(exists("/var/lib/machines/ctl-moved.nspawn")) << program;
        EXPECT_TRUE(exits(by(program, {"rename", "ctl-moved", "ctl-copy"}), 1)) << program;
        EXPECT_TRUE(succeeds(by(program, {"remove", "ctl-copy", "ctl-moved"}))) << program;
        EXPECT_EQ(sh("ls -A /var/lib/machines").out, "") << program;
    }
}

// What machinectl start would run by systemd-nspawn runs unchanged: its settings are read; what came with the image is not trusted.
TEST_F(MachinectlTest, AnImageStartsWithItsSettings)
{
    ASSERT_TRUE(succeeds(sh(fmt::format("mkdir -p /var/lib/machines /etc/systemd/nspawn; cp -a {} /var/lib/machines/ctl", busybox()))));
    adopt("ctl");
    write_file(
        "/var/lib/machines/ctl.nspawn",
        fmt::format(
            "[Exec]\nParameters=/bin/sh -c \"echo $A >/a; trap 'exit 0' TERM; while :; do sleep 1; done\"\nEnvironment=A=of-the-file\n"
            "Capability=CAP_SYS_MODULE\nPrivateUsers=no\nHostname=named\n[Files]\nBind={0}:/host\nTemporaryFileSystem=/memory\n"
            "[Network]\nPrivate=no\n",
            folder()));
    ASSERT_TRUE(succeeds(holmctl({"start", "ctl"})));
    EXPECT_EQ(
        inside("ctl",
               "cat /a; hostname; grep -c ' /memory ' /proc/self/mountinfo; ls -d /host 2>/dev/null; ls /sys/class/net | grep -c eth0")
            .out,
        "of-the-file\nnamed\n1\n1\n");
    EXPECT_NE(trim(inside("ctl", "head -n 1 /proc/self/uid_map").out).substr(0, 20), "0          0 4294967");
    for (const char* dropped : {"Capability=CAP_SYS_MODULE", "PrivateUsers=no", "Bind=", "Private=no"})
        EXPECT_TRUE(has(sh("journalctl -u holmd.service --no-pager -o cat | tail -n 40").out, dropped));
    ASSERT_TRUE(succeeds(holmctl({"stop", "ctl"})));

    // The administrator's own is taken whole, in the place of the other.
    write_file(
        "/etc/systemd/nspawn/ctl.nspawn",
        fmt::format("[Exec]\nParameters=/bin/sleep 100000\nKillSignal=SIGKILL\n[Files]\nBindReadOnly={0}:/host\n[Network]\nPrivate=yes\n",
                    folder()));
    ASSERT_TRUE(succeeds(holmctl({"start", "ctl"})));
    EXPECT_EQ(inside("ctl", "ls -d /host; ls /sys/class/net; grep -c ' /memory ' /proc/self/mountinfo").out, "/host\nlo\n0\n");
    ASSERT_TRUE(succeeds(holmctl({"stop", "ctl"})));
    write_file("/etc/systemd/nspawn/ctl.nspawn", "[Exec\n");
    EXPECT_TRUE(refuses(holmctl({"start", "ctl"}), 1, "/etc/systemd/nspawn/ctl.nspawn"));
    sh("rm -f /etc/systemd/nspawn/ctl.nspawn; rmdir /etc/systemd/nspawn 2>/dev/null");
}

// A folder, and one of the store.
TEST_F(MachinectlTest, WhatWasStartedByAnImagesNameIsAMachineUntilItIsRemoved)
{
    ASSERT_TRUE(succeeds(sh(fmt::format("mkdir -p /var/lib/machines; cp -a {} /var/lib/machines/ctl", busybox()))));
    ASSERT_TRUE(succeeds(holmctl({"import-fs", busybox(), "ctl-copy"})));
    for (const std::string machine : {"ctl", "ctl-copy"}) {
        SCOPED_TRACE(machine);
        const std::string state = "/var/lib/holm/machines/" + machine, words = " " + machine + " ";
        auto listed = [] { return " " + first_words(holmctl({"--no-legend", "list", "--all"}).out); };
        EXPECT_FALSE(has(listed(), words)) << "an image alone is no machine";
        adopt(machine);
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        EXPECT_TRUE(succeeds(inside(machine, "echo kept >/kept")));
        ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
        for (const bool anew : {false, true}) {
            if (anew) kill_holmd();
            EXPECT_EQ(state_of(machine), "stopped") << anew;
            EXPECT_TRUE(has(listed(), words)) << anew;
            EXPECT_EQ(machine_property(machine, "Unit"), fmt::format("s \"{}\"", service_of(machine))) << anew;
            EXPECT_EQ(machine_property(machine, "RootDirectory"), fmt::format("s \"{}\"", machine)) << anew;
            EXPECT_TRUE(
                has(run({"busctl", "call", "org.holm1", "/org/holm1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"}).out,
                    fmt::format("\"{}\"", bus_path(machine))))
                << anew;
        }
        EXPECT_TRUE(has(holmctl({"diff", machine}).out, "A /kept\n"));
        ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "s"})));
        for (const std::vector<std::string>& words_of_definition :
             std::vector<std::vector<std::string>>{{"cat", machine}, {"set", machine, "TasksMax=100"}, {"rename", machine, "ctl-moved"}})
            EXPECT_TRUE(refuses(holmctl(words_of_definition), 1, "has no definition, it is the image")) << words_of_definition[0];
        EXPECT_TRUE(refuses(holmctl({"remove-image", machine}), 1, fmt::format("'holmctl remove {}' removes that machine", machine)));

        const std::string copy = name();
        adopt(copy);
        EXPECT_TRUE(succeeds(holmctl({"clone", machine, copy})));
        EXPECT_TRUE(has(holmctl({"cat", copy}).out, fmt::format("image = \"{}\"", machine)));
        ASSERT_TRUE(succeeds(holmctl({"start", copy})));
        EXPECT_EQ(inside(copy, "cat /kept").out, "kept\n");
        take_away(copy);

        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        EXPECT_EQ(unit_state(service_of(machine)), "active");
        EXPECT_EQ(inside(machine, "cat /kept").out, "kept\n");
        ASSERT_TRUE(succeeds(holmctl({"enable", machine})));
        ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
        ASSERT_TRUE(succeeds(holmctl({"remove", machine})));
        EXPECT_FALSE(exists(state));
        EXPECT_NE(run({"systemctl", "is-enabled", service_of(machine)}).out, "enabled\n");
        EXPECT_FALSE(has(listed(), words));
        EXPECT_TRUE(succeeds(holmctl({"image-status", machine}))) << "the image is left";
        EXPECT_TRUE(succeeds(holmctl({"remove-image", machine})));
    }
}

// It can still be given a definition, which then is what counts.
TEST_F(MachinectlTest, WhatWasStartedByAnImagesNameGetsADefinition)
{
    ASSERT_TRUE(succeeds(sh(fmt::format("mkdir -p /var/lib/machines; cp -a {} /var/lib/machines/ctl", busybox()))));
    adopt("ctl");
    ASSERT_TRUE(succeeds(holmctl({"start", "ctl"})));
    EXPECT_TRUE(refuses(holmctl({"create", "ctl", "--image=ctl", "--boot"}), 1, "exists already"));
    EXPECT_TRUE(succeeds(inside("ctl", "echo kept >/kept")));
    ASSERT_TRUE(succeeds(holmctl({"terminate", "ctl"})));
    ASSERT_TRUE(succeeds(holmctl({"create", "ctl", "--image=ctl", "--boot"})));
    EXPECT_TRUE(has(holmctl({"cat", "ctl"}).out, "image = \"ctl\""));
    ASSERT_TRUE(succeeds(holmctl({"start", "ctl"})));
    EXPECT_EQ(inside("ctl", "cat /kept").out, "kept\n");
    ASSERT_TRUE(succeeds(holmctl({"terminate", "ctl"})));
}

}  // namespace holm::test
