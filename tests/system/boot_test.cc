// A Debian 12 guest with systemd boots from every kind of root and is a machine that systemd and machined manage.
#include <algorithm>
#include <filesystem>

#include <sys/stat.h>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class BootTest : public SystemTest {
protected:
    // `running`, no failed unit; asked inside, so that neither machined nor a bus inside is needed to know.
    static void expect_healthy(const std::string& machine)
    {
        Outcome state = holmctl({"exec", machine, "--", "systemctl", "is-system-running", "--wait"});
        EXPECT_EQ(trim(state.out), "running") << testing::PrintToString(state);
        EXPECT_EQ(holmctl({"exec", machine, "--", "systemctl", "list-units", "--failed", "--no-legend", "--plain"}).out, "");
        EXPECT_EQ(state_of(machine), "running");
    }

    // A terminal is wanted by machinectl shell.
    static Outcome in_terminal(std::vector<std::string> argv)
    {
        Process process(std::move(argv), {.stdio = Stdio::Terminal});
        return process.wait(30s);
    }

    // Makes the guest's journal persistent in `upper`, so that its last lines can be read from outside.
    static void keep_journal(const std::string& upper) { make_folder(upper + "/var/log/journal"); }
    static std::string guest_journal(const std::string& upper)
    {
        return run({"journalctl", "--no-pager", "-o", "cat", "-D", upper + "/var/log/journal"}).out;
    }
    static void expect_orderly_end(const std::string& upper)
    {
        std::string journal = guest_journal(upper);
        EXPECT_TRUE(has(journal, "Reached target shutdown.target"))
            << journal.substr(journal.size() - std::min<size_t>(journal.size(), 3000));
        EXPECT_TRUE(has(journal, "Journal stopped"));
    }

    // A machine on an upper of its own whose journal stays.
    std::string boot_with_journal(std::string& upper)
    {
        upper = folder() + "/upper";
        keep_journal(upper);
        std::string machine = name("deb");
        EXPECT_TRUE(succeeds(holmctl({"run", "--detach", "--boot", "--name=" + machine, "--lower=" + guest(), "--upper=" + upper})));
        EXPECT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
        return machine;
    }
};

static unsigned owner_of(const std::string& path)
{
    struct stat status;
    return lstat(path.c_str(), &status) == 0 ? status.st_uid : ~0U;
}

TEST_F(BootTest, FromADirectory)
{
    std::string root = debian(), machine = name("dir");
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--boot", "--name=" + machine, "--root=" + root})));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    expect_healthy(machine);

    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "touch", "/srv/of-root"})));
    EXPECT_TRUE(succeeds(holmctl({"exec", "--user=alice", machine, "--", "touch", "/home/alice/of-alice"})));
    EXPECT_EQ(owner_of(root + "/srv/of-root"), 0U);
    EXPECT_EQ(owner_of(root + "/home/alice/of-alice"), 1000U);
    EXPECT_EQ(sh("find '" + root + "' -xdev -uid +65535 -print -quit").out, "") << "a shifted id is on the disk";
    // The machine's root is somebody else on the host.
    struct stat status;
    ASSERT_EQ(stat(fmt::format("/proc/{}", leader_of(machine)).c_str(), &status), 0);
    EXPECT_GE(status.st_uid, 65536U);
}

TEST_F(BootTest, FromThreeLayersAndAnUpper)
{
    std::string machine = name("stack"), upper = folder() + "/upper";
    std::vector<std::string> layers = {folder() + "/top", folder() + "/middle", guest()};
    for (int i : {0, 1}) {
        make_folder(layers[i] + "/srv");
        write_file(layers[i] + "/srv/both", layers[i]);
    }
    std::vector<std::string> before;
    for (const std::string& layer : layers) before.push_back(hash_of_tree(layer));

    std::vector<std::string> arguments = {"run", "--detach", "--boot", "--name=" + machine, "--upper=" + upper};
    for (const std::string& layer : layers) arguments.push_back("--lower=" + layer);
    ASSERT_TRUE(succeeds(holmctl(arguments)));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    expect_healthy(machine);
    EXPECT_EQ(holmctl({"exec", machine, "--", "cat", "/srv/both"}).out, layers[0]) << "the topmost layer is not the first";
    EXPECT_TRUE(
        succeeds(holmctl({"exec", machine, "--", "sh", "-c", "echo changed >/srv/both && rm /etc/hosts && chown alice /srv/both"})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));

    for (size_t i = 0; i < layers.size(); i++) EXPECT_EQ(hash_of_tree(layers[i]), before[i]) << layers[i] << " was changed";
    EXPECT_EQ(content_of(upper + "/srv/both"), "changed\n");
    EXPECT_EQ(owner_of(upper + "/srv/both"), 1000U);
    EXPECT_EQ(sh("find '" + upper + "' -xdev -uid +65535 -print -quit").out, "") << "a shifted id is on the disk";
}

TEST_F(BootTest, EphemeralLeavesNothing)
{
    std::string machine = name("eph"), before = hash_of_tree(guest());
    std::string marker = folder() + "/marker";
    make_folder(marker);
    ASSERT_TRUE(
        succeeds(holmctl({"run", "--detach", "--boot", "--ephemeral", "--name=" + machine, "--lower=" + marker, "--lower=" + guest()})));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    expect_healthy(machine);
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "sh", "-c", "echo gone >/srv/gone"})));

    // It survives a reboot from inside, and ends with the unit.
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    ASSERT_TRUE(eventually([&] { return machine_property(machine, "Boots") == "u 2"; }, 30s));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    EXPECT_EQ(holmctl({"exec", machine, "--", "cat", "/srv/gone"}).out, "gone\n");
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_FALSE(succeeds(holmctl({"exec", machine, "--", "cat", "/srv/gone"})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(hash_of_tree(guest()), before);
    EXPECT_TRUE(std::filesystem::is_empty(marker));
}

// (d) No unit may fail that does not fail under nspawn on the same root.
TEST_F(BootTest, FromTheHostsOwnRoot)
{
    auto failed = [](const Outcome& units) {
        std::vector<std::string> names;
        for (std::string_view line : split(units.out, '\n'))
            if (!line.empty()) names.emplace_back(line.substr(0, line.find(' ')));
        return names;
    };
    const std::string list = "systemctl list-units --failed --no-legend --plain --no-pager";
    std::string alias = folder() + "/real";  // nspawn refuses -D /
    make_folder(alias);
    ASSERT_TRUE(succeeds(run({"mount", "--bind", real_root(), alias})));
    std::vector<std::string> tolerated;
    {
        Process nspawn({"systemd-nspawn", "-q", "-b", "-D", alias, "--volatile=overlay", "-M", "reference", "--console=pipe"});
        ASSERT_TRUE(eventually([] { return run({"systemctl", "-M", "reference", "is-system-running", "--wait"}).out.size() > 3; }, 60s));
        tolerated = failed(sh(list + " -M reference"));
        run({"machinectl", "terminate", "reference"});
        nspawn.wait(20s);
    }
    EXPECT_TRUE(succeeds(run({"umount", alias})));

    std::string machine = name("real");
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--boot", "--ephemeral", "--name=" + machine, "--root=" + real_root()})));
    ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=90s"})));
    holmctl({"exec", machine, "--", "systemctl", "is-system-running", "--wait"});
    for (const std::string& unit : failed(holmctl({"exec", machine, "--", "sh", "-c", list})))
        EXPECT_NE(std::ranges::find(tolerated, unit), tolerated.end())
            << unit << " fails\n"
            << holmctl({"exec", machine, "--", "systemctl", "status", "--no-pager", unit}).out;
    // What is holm's own is not to be seen.
    for (const char* hidden : {"/var/lib/holm", "/run/holm", "/etc/holm/secrets"})
        EXPECT_EQ(holmctl({"exec", machine, "--", "sh", "-c", fmt::format("ls -A {} 2>/dev/null", hidden)}).out, "") << hidden;
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(BootTest, SystemdShowsIt)
{
    std::string machine = boot(), unit = scope_of(machine);
    Outcome status = run({"systemctl", "status", "--no-pager", "-l", unit});
    EXPECT_TRUE(succeeds(status));
    for (const char* part : {"supervisor", "payload", "init.scope", "system.slice", "dbus.service", "holm-supervisor"})
        EXPECT_TRUE(has(status.out, part));
    EXPECT_EQ(unit_property(unit, "Slice"), "machine.slice");

    // Lines of the console, under the machine's unit, soon.
    EXPECT_TRUE(has(journal_of(unit), "Debian GNU/Linux 12"));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "sh", "-c", "echo line-of-the-console >/dev/console"})));
    EXPECT_TRUE(eventually([&] { return journal_of(unit).find("line-of-the-console") != std::string::npos; }, 5s)) << journal_of(unit);
    EXPECT_TRUE(has(holmctl({"logs", machine}).out, "line-of-the-console"));
}

TEST_F(BootTest, MachinedShowsAndRulesIt)
{
    std::string machine = boot();
    EXPECT_TRUE(has(run({"machinectl", "list", "--no-legend", "--no-pager"}).out, machine));
    Outcome status = run({"machinectl", "status", "--no-pager", machine});
    EXPECT_TRUE(succeeds(status));
    EXPECT_TRUE(has(status.out, scope_of(machine)));
    EXPECT_TRUE(has(run({"machinectl", "show", machine, "-p", "Leader"}).out, std::to_string(leader_of(machine))));
    EXPECT_EQ(trim(run({"systemctl", "-M", machine, "is-system-running"}).out), "running");
    EXPECT_TRUE(succeeds(run({"loginctl", "-M", machine, "list-sessions", "--no-pager"})));

    Outcome shell = in_terminal({"machinectl", "shell", machine, "/bin/echo", "from the shell"});
    EXPECT_TRUE(has(shell.out, "from the shell"));

    EXPECT_TRUE(succeeds(run({"machinectl", "reboot", machine})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Boots") == "u 2" && state_of(machine) == "running"; }, 40s));
    EXPECT_EQ(unit_state(scope_of(machine)), "active");
    EXPECT_TRUE(succeeds(run({"machinectl", "poweroff", machine})));
    EXPECT_TRUE(eventually([&] { return unit_state(scope_of(machine)) == "inactive"; }, 30s));
    EXPECT_EQ(machine_property(machine, "LastResult"), "s \"poweroff\"");
}

TEST_F(BootTest, MachinedFollowsThreeReboots)
{
    std::string machine = boot();
    for (int boots = 2; boots <= 4; boots++) {
        ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
        ASSERT_TRUE(eventually([&] { return machine_property(machine, "Boots") == fmt::format("u {}", boots); }, 40s));
        ASSERT_TRUE(succeeds(holmctl({"wait", machine, "ready", "--timeout=60s"})));
    }
    EXPECT_TRUE(has(run({"machinectl", "show", machine, "-p", "Leader"}).out, std::to_string(leader_of(machine))));
    EXPECT_TRUE(has(in_terminal({"machinectl", "shell", machine, "/bin/echo", "still there"}).out, "still there"));
    EXPECT_EQ(trim(run({"systemctl", "-M", machine, "is-system-running", "--wait"}).out), "running");
    EXPECT_TRUE(succeeds(run({"machinectl", "poweroff", machine})));
    EXPECT_TRUE(eventually([&] { return unit_state(scope_of(machine)) == "inactive"; }, 30s));
}

TEST_F(BootTest, StopOfTheUnitIsOrderly)
{
    std::string upper, machine = boot_with_journal(upper);
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    expect_orderly_end(upper);
    EXPECT_EQ(state_of(machine), "stopped");
}

TEST_F(BootTest, StopOfTheUnitIsOrderlyAfterHolmdWasKilled)
{
    std::string upper, machine = boot_with_journal(upper);
    kill_holmd();
    EXPECT_TRUE(succeeds(holmctl({"list"})));  // activates a new one
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    expect_orderly_end(upper);
}

TEST_F(BootTest, StopOfTheUnitIsOrderlyWhileHolmdIsStopped)
{
    std::string upper, machine = boot_with_journal(upper);
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", "holmd.service"})));
    EXPECT_EQ(unit_state("holmd.service"), "inactive");
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    EXPECT_EQ(unit_state("holmd.service"), "inactive") << "the stop path activated holmd";
    expect_orderly_end(upper);
    EXPECT_TRUE(succeeds(run({"systemctl", "start", "holmd.service"})));
    EXPECT_EQ(state_of(machine), "stopped");
}

// It waits for its signals in sigtimedwait(2), which shows neither as caught nor as blocked.
TEST_F(BootTest, AnInitWithoutHandlersStopsInOrder)
{
    const std::string machine = name();
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\nboot = true\n[[network]]\nnetwork = \"none\"\n", busybox()));
    for (const bool by_systemctl : {false, true}) {
        ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        ASSERT_TRUE(eventually([&] { return !status_line(leader_of(machine), "SigCgt").empty(); }));
        sleep_for(500ms);
        ASSERT_TRUE(succeeds(by_systemctl ? run({"systemctl", "stop", service_of(machine)}) : holmctl({"stop", machine})));
        EXPECT_EQ(unit_state(service_of(machine)), "inactive") << journal_of(service_of(machine));
    }
}

TEST_F(BootTest, PoweroffFromInsideEndsTheUnit)
{
    std::string machine = boot();
    holmctl({"exec", machine, "--", "systemctl", "poweroff"});
    EXPECT_TRUE(eventually([&] { return unit_state(scope_of(machine)) == "inactive"; }, 30s));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_EQ(machine_property(machine, "LastResult"), "s \"poweroff\"");
}

// What systemd's CONTAINER_INTERFACE promises to a guest.
TEST_F(BootTest, TheGuestSeesAContainer)
{
    std::string machine = boot();
    EXPECT_EQ(trim(holmctl({"exec", machine, "--", "systemd-detect-virt", "--container"}).out), "container-other")
        << "systemd 252 knows no holm";
    std::string environment = holmctl({"exec", machine, "--", "sh", "-c", "tr '\\0' '\\n' </proc/1/environ"}).out;
    EXPECT_TRUE(has(environment, "container=holm\n"));
    EXPECT_TRUE(has(environment, "container_uuid="));
    EXPECT_EQ(trim(holmctl({"exec", machine, "--", "hostname"}).out), machine);
    EXPECT_TRUE(has(holmctl({"exec", machine, "--", "cat", "/run/host/os-release"}).out, "ID=debian"));
    EXPECT_EQ(trim(holmctl({"exec", machine, "--", "cat", "/run/host/container-manager"}).out), "holm");
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "mountpoint", "-q", "/sys/fs/cgroup"})));
    EXPECT_TRUE(has("\n" + holmctl({"exec", machine, "--", "cat", "/proc/1/cgroup"}).out, "\n0::/init.scope\n"));
}

TEST_F(BootTest, CredentialsReachTheGuest)
{
    std::string machine = name("cred"), secret = folder() + "/secret";
    write_file(secret, "open sesame", 0600);
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n[[credential]]\nname = \"db.password\"\nfile = \"{}\"\n",
                                guest(), secret));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(holmctl({"exec", machine, "--", "systemd-creds", "cat", "--system", "db.password"}).out, "open sesame");
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

// A value of the definition is in that file alone, and in the machine.
TEST_F(BootTest, AValueIsACredentialToo)
{
    std::string machine = name("cred"), secret = "open sesame of this value";
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                "[[credential]]\nname = \"db.password\"\nvalue = \"{}\"\n",
                                busybox(), secret));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(inside(machine, "cat $CREDENTIALS_DIRECTORY/db.password; stat -c ' %a %u' $CREDENTIALS_DIRECTORY/db.password").out,
              secret + " 400 0\n");
    for (const Outcome& said :
         {holmctl({"plan", machine}), holmctl({"show", machine}), holmctl({"cat", "--effective", machine}), holmctl({"status", machine}),
          sh("cat /run/holm/machines/" + machine + "/plan.toml"), run({"systemctl", "show", service_of(machine)})})
        EXPECT_EQ((said.out + said.err).find(secret), std::string::npos);
    EXPECT_EQ(sh("stat -c %a:%U /run/holm/machines/" + machine + "/credential-*").out, "600:root\n");
    ASSERT_TRUE(succeeds(holmctl({"reboot", machine})));
    EXPECT_EQ(inside(machine, "cat $CREDENTIALS_DIRECTORY/db.password").out, secret);
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_FALSE(exists("/run/holm/machines/" + machine));
}

// Encrypted by the host's key, decrypted by its systemd-creds at each boot; and what is secret is in none of what is said of the machine.
TEST_F(BootTest, EncryptedCredentialsReachTheGuestAndNobodyElse)
{
    std::string machine = name("cred"), store = folder() + "/credstore.encrypted", secret = "open sesame of this test";
    make_folder(store);
    write_file(folder() + "/plain", secret, 0600);
    Outcome made =
        sh(fmt::format("systemd-creds setup && systemd-creds encrypt --with-key=host --name=db.password {}/plain {}/db", folder(), store));
    ASSERT_TRUE(succeeds(made));
    EXPECT_EQ(content_of(store + "/db").find(secret), std::string::npos);
    auto definition = [&](const std::string& called, const std::string& file) {
        define(machine, fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n[payload]\ncommand = [\"/bin/sleep\", \"1000\"]\n"
                                    "[[credential]]\nname = \"{}\"\nfile = \"{}\"\n",
                                    guest(), called, file));
    };
    definition("db.password", store + "/db");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(inside(machine, "cat /run/host/credentials/db.password").out, secret);
    for (const Outcome& said : {holmctl({"plan", machine}), holmctl({"show", machine}), holmctl({"cat", "--effective", machine}),
                                holmctl({"status", machine}), holmctl({"why", machine}), run({"journalctl", "-b", "--no-pager"}),
                                sh("cat /run/holm/machines/" + machine + "/*; true"), run({"systemctl", "show", service_of(machine)})})
        EXPECT_EQ((said.out + said.err).find(secret), std::string::npos);
    EXPECT_EQ(run({"stat", "-c", "%a", "/run/holm/machines/" + machine + "/plan.toml"}).out, "600\n");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    // Of another name, or damaged: the start fails, and says which.
    definition("other", store + "/db");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "credential 'other': systemd-creds cannot decrypt it"));
    write_file(store + "/bad", "bm8gY3JlZGVudGlhbA==\n");
    definition("bad", store + "/bad");
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "credential 'bad': systemd-creds cannot decrypt it"));
}

}  // namespace holm::test
