// The life of a machine as its verbs and systemd's see it: names, records, definitions, states.
#include <algorithm>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"

namespace holm::test {

using Json = nlohmann::json;

class LifecycleTest : public SystemTest {
protected:
    static Json json(std::vector<std::string> arguments)
    {
        arguments.insert(arguments.begin(), "--json=short");
        Outcome outcome = holmctl(arguments);
        EXPECT_TRUE(succeeds(outcome));
        Json value = Json::parse(outcome.out, nullptr, false);
        EXPECT_FALSE(value.is_discarded()) << outcome.out;
        return value;
    }
    // The entry of a machine in `list --json`, null where it has none.
    static Json listed(const std::string& machine, bool all)
    {
        for (const Json& entry : json(all ? std::vector<std::string>{"list", "--all"} : std::vector<std::string>{"list"}))
            if (entry.value("name", "") == machine) return entry;
        return nullptr;
    }
    std::string definition(const std::string& root,
                           const std::string& script = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done",
                           const std::string& more = "")
    {
        return fmt::format("{}\n[root]\npath = \"{}\"\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\nstop_signal = \"SIGTERM\"\n",
                           more, root, script);
    }
};

TEST_F(LifecycleTest, ARunKeepsARecord)
{
    std::string machine = name(), root = busybox();
    EXPECT_TRUE(exits(holmctl({"run", "--name=" + machine, "--root=" + root, "--", "/bin/sh", "-c", "exit 3"}), 3));
    EXPECT_EQ(listed(machine, false), nullptr);
    EXPECT_EQ(listed(machine, true).value("state", ""), "failed");  // as systemd has it of a service
    EXPECT_EQ(machine_property(machine, "LastResult"), "s \"exited\"");
    EXPECT_EQ(machine_property(machine, "LastStatus"), "i 3");
    EXPECT_TRUE(has(holmctl({"cat", machine}).out, root));
    EXPECT_TRUE(refuses(holmctl({"run", "--name=" + machine, "--root=" + root, "--", "/bin/true"}), 125, machine));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_EQ(listed(machine, true), nullptr);
    EXPECT_FALSE(exists("/var/lib/holm/machines/" + machine));
}

TEST_F(LifecycleTest, AnInitPassesASignalOnToItsCommand)
{
    const std::string machine = name();
    define(machine, fmt::format("[root]\npath = \"{}\"\n[payload]\ninit = true\ncommand = [\"/bin/sh\", \"-c\", "
                                "\"trap 'exit 3' TERM; touch /set; while :; do sleep 0.1; done\"]\n",
                                busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return inside(machine, "test -e /set").code == 0; }));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(has(holmctl({"show", machine}).out, "LastResult=exited\nLastStatus=3\n"));
}

TEST_F(LifecycleTest, ARecordIsStartedAgainInAScope)
{
    std::string machine = background();
    EXPECT_EQ(unit_state(scope_of(machine)), "active");
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(state_of(machine), "stopped");
    EXPECT_EQ(unit_state(scope_of(machine)), "inactive");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(unit_state(scope_of(machine)), "active");
    const int leader = leader_of(machine);
    EXPECT_TRUE(succeeds(holmctl({"start", machine}))) << "what runs is left as it is";
    EXPECT_EQ(leader_of(machine), leader);
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
}

TEST_F(LifecycleTest, RmForgetsItAtTheEnd)
{
    std::string machine = name();
    EXPECT_TRUE(exits(holmctl({"run", "--rm", "--name=" + machine, "--root=" + busybox(), "--", "/bin/false"}), 1));
    EXPECT_TRUE(eventually([&] { return listed(machine, true).is_null() && !exists("/var/lib/holm/machines/" + machine); }));
}

TEST_F(LifecycleTest, ADefinitionIsAService)
{
    std::string machine = name(), root = busybox();
    define(machine, definition(root, "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done", "description = \"front end\""));
    EXPECT_EQ(listed(machine, true).value("state", ""), "stopped");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(unit_state(service_of(machine)), "active");
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_EQ(unit_property(service_of(machine), "Slice"), "machine.slice");
    EXPECT_EQ(listed(machine, false).value("unit", ""), service_of(machine));
    std::string status = run({"systemctl", "status", "--no-pager", service_of(machine)}).out;
    for (const char* part : {"supervisor", "payload", "holm-supervisor"}) EXPECT_TRUE(has(status, part));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/true"})));
    ASSERT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(run({"systemctl", "stop", service_of(machine)})));
    EXPECT_EQ(state_of(machine), "stopped");
    ASSERT_TRUE(succeeds(run({"systemctl", "start", service_of(machine)})));
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(run({"systemctl", "restart", service_of(machine)})));
    EXPECT_TRUE(wait_for_state(machine, "running"));
    ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(unit_state(service_of(machine)), "inactive");
}

TEST_F(LifecycleTest, ARestartJoinsAStart)
{
    std::string machine = name();
    define(machine,
           fmt::format("[root]\npath = \"{}\"\nmode = \"ephemeral\"\n[payload]\ncommand = [\"/usr/bin/perl\", \"-MSocket\", \"-e\", "
                       "\"sleep 1; socket(S, AF_UNIX, SOCK_DGRAM, 0); send(S, 'READY=1', 0, sockaddr_un($ENV{{NOTIFY_SOCKET}})); "
                       "sleep 1000\"]\nready = \"notify\"\n",
                       guest()));
    run({"systemctl", "start", "--no-block", service_of(machine)});
    ASSERT_TRUE(eventually([&] { return leader_of(machine) != 0; }));
    EXPECT_EQ(state_of(machine), "starting");
    EXPECT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(LifecycleTest, AStopOfAStartIsNoFailure)
{
    std::string machine = name();
    define(machine, definition(busybox()) + "ready = \"notify\"\n");
    run({"systemctl", "start", "--no-block", service_of(machine)});
    ASSERT_TRUE(eventually([&] { return leader_of(machine) != 0; }));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_EQ(state_of(machine), "stopped");
    run({"systemctl", "start", "--no-block", service_of(machine)});
    ASSERT_TRUE(eventually([&] { return leader_of(machine) != 0; }));
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", service_of(machine)})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
}

TEST_F(LifecycleTest, ARestartOfWhatCannotStartLeavesItRunning)
{
    std::string machine = name(), root = busybox();
    define(machine, definition(root));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    const int leader = leader_of(machine);
    define(machine, definition(root, "true", "nonsense = 1"));
    EXPECT_TRUE(refuses(holmctl({"restart", machine}), 1, "nonsense"));
    define(machine, definition(root + "-missing"));
    EXPECT_TRUE(refuses(holmctl({"restart", machine}), 1, "-missing"));
    EXPECT_EQ(leader_of(machine), leader);
    define(machine, definition(root));
    EXPECT_TRUE(succeeds(holmctl({"restart", machine})));
    EXPECT_NE(leader_of(machine), leader);
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

// One name, one unit, whoever starts it; the same payload in both kinds.
TEST_F(LifecycleTest, ScopeAndServiceGiveTheSamePayload)
{
    std::string root = busybox(), machine = name();
    auto look = [&] {
        std::string pid = std::to_string(leader_of(machine));
        return sh("cd /proc/" + pid +
                  " && grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|Umask|Sig[BI])' status; cat limits oom_score_adj; tr '\\0' '\\n' <environ "
                  "| grep -v ^container_uuid | sort; ls ns; cut -d' ' -f5- mountinfo | sed 's/ shared:[0-9]*//; s/ master:[0-9]*//' | "
                  "sort; cat cgroup | sed 's/holm-[^/]*scope/UNIT/; s/holm@[^/]*service/UNIT/; s/system-holm.slice.//'")
            .out;
    };
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--root=" + root, "--", "/bin/sh", "-c",
                                  "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"})));
    ASSERT_TRUE(wait_for_state(machine, "running"));
    std::string in_scope = look();
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    ASSERT_TRUE(wait_for_state(machine, "stopped"));
    ASSERT_TRUE(succeeds(holmctl({"remove", machine})));
    define(machine, definition(root));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(look(), in_scope);
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(LifecycleTest, ANameRunsOnce)
{
    std::string machine = background();
    Outcome again = holmctl({"run", "--name=" + machine, "--root=" + busybox(), "--", "/bin/true"});
    EXPECT_TRUE(refuses(again, 125, scope_of(machine)));
    define(machine, definition(busybox()));
    EXPECT_FALSE(succeeds(run({"systemctl", "start", service_of(machine)})));
    EXPECT_EQ(state_of(machine), "running");
}

// systemd is still failing with the last start when the next is asked for.
TEST_F(LifecycleTest, AStartThatFailsAgainAndAgainSaysWhyEachTime)
{
    std::string machine = name();
    define(machine, "[root]\npath = \"/srv/nowhere\"\n");
    for (int i = 0; i < 30; i++) ASSERT_TRUE(refuses(holmctl({"start", machine}), 1, "/srv/nowhere")) << i;
    ASSERT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_TRUE(eventually([&] { return unit_state(service_of(machine)) == "inactive"; })) << "none that has failed is left";
}

TEST_F(LifecycleTest, AMachineOfAnotherProgramIsLeftAlone)
{
    std::string machine = name(), root = busybox();
    auto known = [&] { return run({"machinectl", "show", "-p", "Service", machine}).out; };
    ASSERT_TRUE(
        succeeds(sh(fmt::format("sleep 1000 >/dev/null 2>&1 & echo $! >{}/pid; busctl call org.freedesktop.machine1 "
                                "/org/freedesktop/machine1 org.freedesktop.machine1.Manager RegisterMachine sayssus {} 0 "
                                "other-program container $! /",
                                folder(), machine))));
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--name=" + machine, "--root=" + root, "--", "/bin/true"}), 125, "other-program"));
    define(machine, definition(root));
    EXPECT_TRUE(refuses(holmctl({"start", machine}), 1, "other-program"));
    EXPECT_EQ(known(), "Service=other-program\n");
    sh(fmt::format("kill $(cat {}/pid)", folder()));
    EXPECT_TRUE(eventually([&] { return holmctl({"start", machine}).code == 0; }));
    EXPECT_TRUE(eventually([&] { return known() == "Service=holm\n"; })) << known();
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(LifecycleTest, AFifoAmongTheStateHoldsUpNobody)
{
    std::string machine = background(), other = name("fifo");
    ASSERT_TRUE(succeeds(sh(fmt::format("mkdir /var/lib/holm/machines/{0} && mkfifo /var/lib/holm/machines/{0}/identity.toml", other))));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    sh("rm -r /var/lib/holm/machines/" + other);
}

TEST_F(LifecycleTest, EnableMakesItStartAtBoot)
{
    std::string machine = name();
    define(machine, definition(busybox()));
    ASSERT_TRUE(succeeds(holmctl({"enable", "--now", machine})));
    EXPECT_EQ(trim(run({"systemctl", "is-enabled", service_of(machine)}).out), "enabled");
    EXPECT_EQ(state_of(machine), "running");
    ASSERT_TRUE(succeeds(holmctl({"disable", machine})));
    EXPECT_NE(trim(run({"systemctl", "is-enabled", service_of(machine)}).out), "enabled");
    EXPECT_EQ(state_of(machine), "running") << "disable does not stop";
    ASSERT_TRUE(succeeds(run({"systemctl", "enable", service_of(machine)})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(run({"systemctl", "disable", service_of(machine)})));
    // Nothing of that name, and what was left of one.
    for (const char* verb : {"enable", "disable"}) EXPECT_TRUE(refuses(holmctl({verb, "no-such-machine"}), 1, "no-such-machine"));
    EXPECT_TRUE(refuses(holmctl({"disable", "--now", "no-such-machine"}), 1, "no-such-machine"));
    ASSERT_TRUE(succeeds(holmctl({"enable", machine})));
    sh("rm /etc/holm/machines/" + machine + ".toml");
    EXPECT_TRUE(succeeds(holmctl({"disable", machine})));
    EXPECT_FALSE(exists("/etc/systemd/system/holm.target.wants/" + service_of(machine)));
    EXPECT_TRUE(refuses(holmctl({"disable", machine}), 1, machine));
}

TEST_F(LifecycleTest, ProtectRefusesVerbs)
{
    std::string machine = name();
    define(machine, definition(busybox(), "sleep 1000", "protect = [\"remove\", \"stop\"]"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(refuses(holmctl({"stop", machine}), 1, "protect"));
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", service_of(machine)}))) << "systemd's verbs are the administrator's";
    EXPECT_TRUE(refuses(holmctl({"remove", machine}), 1, "protect"));
    EXPECT_TRUE(exists("/etc/holm/machines/" + machine + ".toml"));
    define(machine, definition(busybox()));
}

TEST_F(LifecycleTest, RemoveOfWhatRunsIsRefused)
{
    std::string machine = background();
    EXPECT_TRUE(refuses(holmctl({"remove", machine}), 1, machine));
    EXPECT_EQ(state_of(machine), "running");
}

TEST_F(LifecycleTest, FreezeAndThaw)
{
    std::string machine = background("i=0; while :; do i=$((i+1)); echo $i >/count; done"), root;
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    EXPECT_EQ(machine_property(machine, "Frozen"), "b true");
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(refuses(holmctl({"exec", machine, "--", "/bin/true"}), 125, "frozen"));
    std::string counter = fmt::format("/proc/{}/root/count", leader_of(machine));
    std::string first = content_of(counter);
    sleep_for(300ms);
    EXPECT_EQ(content_of(counter), first) << "it runs though it is frozen";
    EXPECT_TRUE(listed(machine, false).value("frozen", false));
    ASSERT_TRUE(succeeds(holmctl({"thaw", machine})));
    EXPECT_TRUE(eventually([&] { return content_of(counter) != first; }));
    EXPECT_EQ(machine_property(machine, "Frozen"), "b false");
    // By the short names too.
    for (const auto& [member, frozen] : std::vector<std::pair<std::string, std::string>>{{"Freeze", "b true"}, {"Thaw", "b false"}}) {
        EXPECT_TRUE(succeeds(run({"busctl", "call", "org.holm1", "/org/holm1", "org.holm1.Manager", member, "s", machine})));
        EXPECT_EQ(machine_property(machine, "Frozen"), frozen);
    }
    // By systemd it is frozen with its supervisor, and shown so all the same.
    ASSERT_TRUE(succeeds(run({"systemctl", "freeze", scope_of(machine)})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Frozen") == "b true"; }));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "(frozen)"));
    const std::string thaw = "'systemctl thaw " + scope_of(machine) + "' first";
    for (const char* verb : {"freeze", "thaw"}) EXPECT_TRUE(refuses(holmctl({verb, machine}, {}, 2s), 1, thaw));
    EXPECT_TRUE(refuses(holmctl({"exec", machine, "--", "/bin/true"}, {}, 2s), 125, thaw));
    ASSERT_TRUE(succeeds(run({"systemctl", "thaw", scope_of(machine)})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Frozen") == "b false"; })) << "what was refused was not done later";
    // Frozen, it can be stopped, by both.
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(succeeds(holmctl({"freeze", machine})));
    EXPECT_TRUE(succeeds(run({"systemctl", "stop", scope_of(machine)})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
}

TEST_F(LifecycleTest, TerminateSeesTheEnd)
{
    std::string machine = background();
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_FALSE(wait_for_state(machine, "running", 0ms));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "killed"));
}

TEST_F(LifecycleTest, ListStatusAndShow)
{
    std::string machine = background();
    Outcome table = holmctl({"list"});
    EXPECT_TRUE(succeeds(table));
    EXPECT_TRUE(has(table.out, machine));
    EXPECT_FALSE(has(table.out, "\x1b")) << "colour without a terminal";
    Json entry = listed(machine, false);
    EXPECT_EQ(entry.value("state", ""), "running");
    EXPECT_EQ(entry.value("unit", ""), scope_of(machine));
    EXPECT_EQ(entry.value("leader", 0), leader_of(machine));
    EXPECT_FALSE(has(holmctl({"--no-legend", "list"}).out, "NAME"));
    Outcome status = holmctl({"status", machine});
    EXPECT_TRUE(succeeds(status));
    for (const std::string& part : {machine, std::string("running"), scope_of(machine), std::to_string(leader_of(machine))})
        EXPECT_TRUE(has(status.out, part));
    EXPECT_EQ(holmctl({"show", "-p", "State", machine}).out, "State=running\n");
    EXPECT_EQ(json({"show", machine}).value("State", ""), "running");
    EXPECT_TRUE(refuses(holmctl({"show", "-p", "Stat", machine}), 1, "State"));
    EXPECT_TRUE(succeeds(holmctl({"status", machine, machine})));
}

TEST_F(LifecycleTest, TimingTellsTheStepsOfAStart)
{
    auto steps_of = [](const std::string& machine) {
        const Json timing = json({"show", "-p", "Timing", machine}).value("Timing", Json::object());
        std::vector<uint64_t> moments;
        for (const char* step : {"asked", "planned", "told", "booting", "leader", "started", "ready"})
            moments.push_back(timing.value(step, uint64_t{0}));
        return moments;
    };
    for (const bool service : {false, true}) {
        const std::string machine = service ? name() : background();
        if (service) {
            define(machine, definition(busybox()));
            ASSERT_TRUE(succeeds(holmctl({"start", machine})));
        }
        const std::vector<uint64_t> moments = steps_of(machine);
        EXPECT_GT(moments.front(), 0u);
        EXPECT_TRUE(std::ranges::is_sorted(moments)) << fmt::format("{}", fmt::join(moments, " "));
        EXPECT_LT(moments.back() - moments.front(), 60'000'000u);  // µs
        ASSERT_TRUE(succeeds(holmctl({"stop", machine})));
        EXPECT_EQ(steps_of(machine).front(), 0u);
    }
}

TEST_F(LifecycleTest, CreateEditCatPlanVerify)
{
    std::string machine = name(), root = busybox(), file = "/etc/holm/machines/" + machine + ".toml";
    ASSERT_TRUE(succeeds(holmctl({"create", machine, "--root=" + root, "--env=A=1"})));
    ASSERT_TRUE(exists(file));
    EXPECT_TRUE(succeeds(holmctl({"verify", file})));
    EXPECT_TRUE(refuses(holmctl({"create", machine, "--root=" + root}), 1, machine));
    EXPECT_TRUE(has(holmctl({"cat", machine}).out, root));

    std::string before = sh("find /run/holm /var/lib/holm | sort").out;
    Outcome plan = holmctl({"plan", machine});
    EXPECT_TRUE(succeeds(plan));
    for (const std::string& part : {root, std::string("/proc"), service_of(machine), std::string("TasksMax"), std::string("65536")})
        EXPECT_TRUE(has(plan.out, part));
    EXPECT_EQ(sh("find /run/holm /var/lib/holm | sort").out, before) << "plan did something";

    std::string editor = folder() + "/editor";
    write_file(editor, "#!/bin/sh\nsed -i 's/^\\[root\\]/description = \"edited\"\\n[root]/' \"$1\"\n", 0755);
    EXPECT_TRUE(succeeds(run({"env", "EDITOR=" + editor, "VISUAL=" + editor, "holmctl", "edit", machine})));
    EXPECT_TRUE(has(content_of(file), "edited"));
    std::string good = content_of(file);
    write_file(editor, "#!/bin/sh\necho 'nonsense = 1' >>\"$1\"\n", 0755);
    Outcome bad = run({"env", "TMPDIR=" + folder(), "EDITOR=" + editor, "VISUAL=" + editor, "holmctl", "edit", machine});
    EXPECT_TRUE(exits(bad, 1));
    EXPECT_EQ(content_of(file), good) << "a bad edit was kept";
    const size_t begin = bad.err.find("kept in '") + 9;
    ASSERT_LT(begin, bad.err.size()) << bad.err;
    EXPECT_EQ(content_of(bad.err.substr(begin, bad.err.find('\'', begin) - begin)), good + "nonsense = 1\n") << "the work is lost";
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_FALSE(exists(file));
}

TEST_F(LifecycleTest, ARecordIsNotEdited)
{
    std::string machine = background(), touched = folder() + "/touched";
    EXPECT_TRUE(refuses(run({"env", "EDITOR=touch " + touched + " &&", "holmctl", "edit", machine}), 1, machine));
    EXPECT_FALSE(exists(touched)) << "the editor was started";
}

TEST_F(LifecycleTest, DropInsAndProfilesMerge)
{
    std::string machine = name(), profile = "/etc/holm/profiles/" + machine + ".toml", drop = "/etc/holm/machines/" + machine + ".toml.d";
    define(machine, definition(busybox(), "echo $FROM; sleep 1000", fmt::format("profiles = [\"{}\"]", machine)));
    make_folder("/etc/holm/profiles");
    write_file(profile, "description = \"of the profile\"\n[payload]\nenvironment = { FROM = \"profile\" }\n");
    make_folder(drop);
    write_file(drop + "/10-a.toml", "[payload]\nenvironment = { FROM = \"a\" }\n");
    write_file(drop + "/20-b.toml", "[payload]\nenvironment = { FROM = \"b\" }\n");
    std::string effective = holmctl({"cat", "--effective", machine}).out;
    EXPECT_TRUE(has(effective, "FROM = \"b\""));
    EXPECT_TRUE(has(effective, "of the profile"));
    std::string origin = holmctl({"cat", "--effective", "--origin", machine}).out;
    EXPECT_TRUE(has(origin, "20-b.toml"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(has(journal_of(service_of(machine)), "b"));
    EXPECT_EQ(machine_property(machine, "Description"), "s \"of the profile\"");
    EXPECT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(succeeds(holmctl({"verify", profile, drop + "/10-a.toml"}))) << "neither has a root of its own";
    write_file(drop + "/10-a.toml", "[payload]\nenvironmnt = {}\n");
    EXPECT_TRUE(refuses(holmctl({"verify", drop + "/10-a.toml"}), 1, "10-a.toml:2:1"));
    run({"rm", "-rf", drop});
    write_file(profile, "descripton = \"\"\n");
    EXPECT_TRUE(refuses(holmctl({"verify", profile}), 1, profile + ":1:1"));
    define(machine, "");
    EXPECT_TRUE(has(holmctl({"verify"}).err, profile + ":1:1")) << "a profile that nobody names";
    run({"rm", "-f", profile});
    define(machine, definition(busybox(), "sleep 1000", fmt::format("profiles = [\"{}\"]", machine)));
    EXPECT_TRUE(refuses(holmctl({"verify", "/etc/holm/machines/" + machine + ".toml"}), 1, "no profile '" + machine));
}

// What holmd knows is what the files say now, whatever it read before.
TEST_F(LifecycleTest, FilesThatComeLaterAreSeen)
{
    const std::string machine = name(), vendor = "/usr/lib/holm/profiles/" + machine + ".toml",
                      etc = "/etc/holm/profiles/" + machine + ".toml", file = "/etc/holm/machines/" + machine + ".toml";
    auto described = [&](const std::string& text) {
        return eventually([&] { return machine_property(machine, "Description") == fmt::format("s \"{}\"", text); }, 3s);
    };
    for (const char* folder : {"/usr/lib/holm/profiles", "/etc/holm/profiles"}) make_folder(folder);
    define(machine, definition(busybox(), "sleep 1000", fmt::format("profiles = [\"{}\"]", machine)));
    EXPECT_TRUE(refuses(holmctl({"snapshot", machine}), 1, "there is no profile"));
    write_file(vendor, "description = \"of the vendor\"\n");
    EXPECT_TRUE(described("of the vendor"));
    sleep_for(1500ms);  // long after which what is known is taken for settled
    EXPECT_TRUE(described("of the vendor"));
    write_file(etc, "description = \"of the host\"\n");
    EXPECT_TRUE(described("of the host")) << "it comes before the vendor's";
    // One after the other, the second while the first may still be read.
    for (int i = 0; i < 20; ++i) {
        for (const char* text : {"first", "second"}) {
            write_file(file + ".x",
                       fmt::format("# {}\ndescription = \"{} {}\"\n{}", std::string(200'000, 'x'), text, i, definition(busybox())));
            ASSERT_EQ(::rename((file + ".x").c_str(), file.c_str()), 0);
            machine_property(machine, "Description");
        }
        EXPECT_TRUE(described(fmt::format("second {}", i)));
    }
    for (const std::string& made : {vendor, etc}) ::remove(made.c_str());
}

// By systemd, before there is a supervisor.
TEST_F(LifecycleTest, AStopThatMeetsAStartLeavesNothing)
{
    const std::string machine = name(), unit = service_of(machine);
    define(machine, definition(busybox()));
    for (int i = 0; i < count(200, 25); ++i) {
        ASSERT_TRUE(succeeds(run({"systemctl", "start", "--no-block", unit})));
        sleep_for(milliseconds(i % 25));
        ASSERT_TRUE(succeeds(run({"systemctl", "stop", unit})));
        ASSERT_TRUE(wait_for_state(machine, "stopped", 5s)) << i << ": " << state_of(machine);
    }
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(LifecycleTest, ResourcesAreProperties)
{
    std::string machine = name();
    define(machine, definition(busybox()) + "[resources]\nMemoryMax = \"512M\"\nCPUQuota = \"50%\"\nTasksMax = 200\nAllowedCPUs = \"0\"\n");
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    std::string unit = service_of(machine);
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "536870912");
    EXPECT_EQ(unit_property(unit, "CPUQuotaPerSecUSec"), "500ms");
    EXPECT_EQ(unit_property(unit, "TasksMax"), "200");
    EXPECT_EQ(unit_property(unit, "AllowedCPUs"), "0");
    EXPECT_EQ(unit_property(unit, "DevicePolicy"), "closed");
    EXPECT_EQ(unit_property(unit, "Delegate"), "yes");
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    // An absent key goes back to its default at the next start.
    define(machine, definition(busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(unit_property(unit, "MemoryMax"), "infinity");
    EXPECT_EQ(unit_property(unit, "TasksMax"), "4096");
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
}

TEST_F(LifecycleTest, ImagesByBareName)
{
    std::string machine = name(), image = "/var/lib/machines/img-of-test";
    ASSERT_TRUE(succeeds(run({"cp", "-a", busybox(), image})));
    EXPECT_EQ(holmctl({"run", "--rm", "--name=" + machine, "--image=img-of-test", "--", "/bin/echo", "found"}).out, "found\n");
    Outcome missing = holmctl({"run", "--rm", "--name=" + machine, "--image=no-such-image", "--", "/bin/true"});
    EXPECT_TRUE(refuses(missing, 125, "/var/lib/holm/images"));
    EXPECT_TRUE(has(missing.err, "/var/lib/machines")) << "every place that was tried";
    run({"rm", "-rf", image});
}

TEST_F(LifecycleTest, WaitWaits)
{
    std::string machine = name();
    define(machine, definition(busybox(), "sleep 1"));
    Process waiter({"holmctl", "wait", machine, "started", "--timeout=20s"});
    sleep_for(200ms);
    EXPECT_FALSE(waiter.ended());
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(waiter.wait(10s)));
    EXPECT_TRUE(succeeds(holmctl({"wait", machine, "stopped", "--timeout=20s"})));
    EXPECT_TRUE(refuses(holmctl({"wait", machine, "started", "--timeout=200ms"}), 1, machine));
}

}  // namespace holm::test
