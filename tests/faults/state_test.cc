// Files that hold nonsense, neighbours that hang, signals nobody asked for: holmd serves the rest, or is back at once with the
// same view.
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class StateFaultsTest : public SystemTest {
protected:
    // The state files of a machine that nobody made, taken away at the end.
    void TearDown() override
    {
        sh("rm -rf /run/holm/machines/nonsense* /var/lib/holm/machines/nonsense* /etc/holm/machines/nonsense* /run/holm/quarantine");
        kill_holmd();
        EXPECT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s));
        SystemTest::TearDown();
    }
};

TEST_F(StateFaultsTest, BadFilesDoNotKeepHolmdFromServing)
{
    std::string machine = background();
    for (const std::string& content :
         {std::string(), std::string("nonsense"), std::string("\0\xff\xfe", 3), std::string("name = 7\n"), pattern(100'000)}) {
        for (const char* file :
             {"/run/holm/machines/nonsense/plan.toml", "/run/holm/machines/nonsense/result", "/var/lib/holm/machines/nonsense/record.toml",
              "/var/lib/holm/machines/nonsense/identity.toml", "/etc/holm/machines/nonsense.toml"}) {
            std::string folder(file);
            make_folder(folder.substr(0, folder.rfind('/')));
            write_file(file, content);
        }
        kill_holmd();
        ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s)) << printable(content);
        EXPECT_EQ(state_of(machine), "running");
        EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
        EXPECT_TRUE(succeeds(foreground({"/bin/true"})));
        EXPECT_TRUE(succeeds(holmctl({"list", "--all"})));
    }
}

// What runs by a plan that this holmd cannot read is neither lost nor removed; by one of another version, as long as its keys are known.
TEST_F(StateFaultsTest, AMachineWhosePlanCannotBeReadRunsOn)
{
    const std::string scope = background(), service = name("service");
    define(service, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n", busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", service})));
    auto again = [] {
        kill_holmd();
        ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s));
    };
    for (const std::string& machine : {scope, service}) {
        const std::string file = "/run/holm/machines/" + machine + "/plan.toml", plan = content_of(file);
        ASSERT_TRUE(plan.contains("\nversion = \"")) << plan;
        write_file(file, std::string(trim(sh("sed 's/^version = .*/version = \"999\"\\nkey_of_tomorrow = 1/' " + file).out)) + "\n");
        again();
        EXPECT_EQ(state_of(machine), "running") << "of another version";
        EXPECT_NE(leader_of(machine), 0);
        for (const std::string& text : {plan.substr(0, plan.size() / 2), std::string("nonsense"), "key_of_nobody = 1\n" + plan}) {
            write_file(file, text);
            again();
            EXPECT_TRUE(wait_for_state(machine, "running")) << printable(text);
            EXPECT_TRUE(refuses(holmctl({"exec", machine, "--", "/bin/true"}), 125, "plan.toml")) << "what enters it needs the plan";
            EXPECT_TRUE(refuses(holmctl({"remove", machine}), 1, "stop it first"));
            EXPECT_TRUE(succeeds(holmctl({"status", machine})));
        }
        EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
        EXPECT_TRUE(wait_for_state(machine, "stopped"));
        EXPECT_NE(unit_state(machine == scope ? scope_of(machine) : service_of(machine)), "active");
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
        EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    }
}

TEST_F(StateFaultsTest, FoldersWithNamesThatAreNone)
{
    std::string machine = background();
    for (const char* place : {"/run/holm/machines/nonsense_", "/var/lib/holm/machines/nonsense_", "/var/lib/holm/machines/nonsense..x"})
        make_folder(place);
    write_file("/etc/holm/machines/nonsense_.toml", "[root]\npath = \"/\"\n");
    kill_holmd();
    ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s));
    EXPECT_EQ(state_of(machine), "running");
}

// A file of an older boot of the host, or of a holmd that died between two steps.
TEST_F(StateFaultsTest, WhatADeadStartLeftIsCleaned)
{
    std::string machine = background();
    sh("cp -a /run/holm/machines/" + machine + " /run/holm/machines/nonsense; sed -i 's/" + machine +
       "/nonsense/g' /run/holm/machines/nonsense/plan.toml");
    kill_holmd();
    ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s));
    EXPECT_TRUE(eventually([] { return !exists("/run/holm/machines/nonsense"); })) << "what is of no unit was kept";
    EXPECT_EQ(state_of(machine), "running");
}

TEST_F(StateFaultsTest, AMachinedThatHangsHoldsNobodyUp)
{
    auto machined = static_cast<pid_t>(parse_number(unit_property("systemd-machined.service", "MainPID")).value_or(0));
    ASSERT_GT(machined, 1);
    kill(machined, SIGSTOP);
    EXPECT_TRUE(succeeds(foreground({"/bin/true"}, {}, {}, 10s)));
    std::string machine = background();
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"}, {}, 10s)));
    kill(machined, SIGCONT);
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(StateFaultsTest, SignalsDoNotEndHolmd)
{
    int holmd = holmd_pid();
    for (int i = 0; i < 50; i++)
        for (int signal : {SIGPIPE, SIGHUP, SIGCHLD, SIGWINCH, SIGURG}) kill(holmd, signal);
    EXPECT_TRUE(succeeds(holmctl({"list"})));
    EXPECT_EQ(holmd_pid(), holmd);
}

TEST_F(StateFaultsTest, ABadHolmTomlKeepsTheOldSettings)
{
    bool had = exists("/etc/holm/holm.toml");
    std::string before = content_of("/etc/holm/holm.toml");
    int holmd = holmd_pid();
    write_file("/etc/holm/holm.toml", "[daemon]\nlog_levl = \"debug\"\n");
    Outcome reload = holmctl({"reload"});
    EXPECT_TRUE(refuses(reload, 1, "holm.toml:2:1"));
    EXPECT_TRUE(has(reload.err, "log_level"));
    EXPECT_EQ(holmd_pid(), holmd);
    EXPECT_TRUE(succeeds(foreground({"/bin/true"})));
    if (had) write_file("/etc/holm/holm.toml", before);
    else ::remove("/etc/holm/holm.toml");
    EXPECT_TRUE(succeeds(holmctl({"reload"})));
}

// What each test is held against: systemd has it back before anybody could miss it.
TEST(CrashTest, OfHolmdIsSeen)
{
    const std::string since = journal_position();
    kill(holmd_pid(), SIGSEGV);
    EXPECT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }, 20s));
    EXPECT_TRUE(has(describe_crashes(since, Allowed::Yes), "/SEGV"));
    EXPECT_EQ(describe_crashes(journal_position(), Allowed::No), "");
}

// The limits of the kernel on namespaces: of the whole machine, so that only the VM may be asked to change them.
using VmKernelLimitsTest = OnlyInVm<StateFaultsTest>;

TEST_F(VmKernelLimitsTest, NoNamespacesLeft)
{
    std::string root = busybox();
    for (const char* limit : {"max_user_namespaces", "max_mnt_namespaces", "max_pid_namespaces", "max_net_namespaces"}) {
        std::string file = std::string("/proc/sys/user/") + limit, before(trim(content_of(file)));
        sh("echo 0 >" + file);
        Outcome outcome = holmctl({"run", "--rm", "--name=refused", "--root=" + root, "--", "/bin/true"});
        sh("echo " + before + " >" + file);
        EXPECT_TRUE(refuses(outcome, 125, "refused")) << limit;
    }
    EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=refused", "--root=" + root, "--", "/bin/true"})));
}

}  // namespace holm::test
