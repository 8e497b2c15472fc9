// What becomes of a machine's own changes: copies, names.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class ChangesTest : public SystemTest {
protected:
    static std::string state_folder(const std::string& machine) { return "/var/lib/holm/machines/" + machine; }
    static std::string definition_file(const std::string& machine) { return fmt::format("/etc/holm/machines/{}.toml", machine); }
    // A stopped machine over busybox whose upper is holm's, and that has run `script` once.
    std::string stopped(const std::string& script, const std::string& more = "")
    {
        std::string machine = name();
        define(
            machine,
            fmt::format("{}[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n[[network]]\nnetwork = \"none\"\n",
                        more, busybox(), script));
        EXPECT_TRUE(succeeds(holmctl({"start", machine})));
        EXPECT_TRUE(wait_for_state(machine, "stopped"));
        return machine;
    }
    // An upper but for what is overlayfs's own: notes of where a file came from, and whiteouts that are one file.
    static std::string tree_of(const std::string& machine)
    {
        const std::string list =
            "find . -type c -printf '%P %y %m %U:%G %T@\\n' -o -printf '%P %y %m %U:%G %n %l %T@\\n' | sort; find . -type f -print0 | sort "
            "-z | xargs -0 -r sha256sum";
        return sh(fmt::format("cd {}/upper && {{ {}; }} | sha256sum", state_folder(machine), list)).out;
    }
    static std::string identity(const std::string& machine) { return content_of(state_folder(machine) + "/identity.toml"); }
};

constexpr const char* writes = "mkdir -p /data/x; echo hello > /data/x/y; ln /data/x/y /data/z; rm /bin/vi; chown 5:6 /data/x";

TEST_F(ChangesTest, ACloneIsAnotherMachineWithTheSameWrites)
{
    std::string machine = stopped(writes), copy = name("copy");
    ASSERT_TRUE(succeeds(holmctl({"clone", machine, copy})));
    EXPECT_EQ(tree_of(copy), tree_of(machine));
    EXPECT_EQ(content_of(definition_file(copy)), content_of(definition_file(machine)));
    EXPECT_EQ(state_of(copy), "stopped");
    EXPECT_TRUE(identity(copy).empty()) << "drawn at its first start";
    write_file(state_folder(machine) + "/upper/data/x/y", "changed");
    ASSERT_TRUE(succeeds(holmctl({"start", copy})));
    EXPECT_TRUE(wait_for_state(copy, "stopped"));
    EXPECT_NE(identity(copy), identity(machine));
    EXPECT_FALSE(identity(copy).empty());
    EXPECT_EQ(content_of(state_folder(copy) + "/upper/data/z"), "hello\n");
    EXPECT_EQ(unit_property(service_of(copy), "LoadState"), "loaded");
    EXPECT_TRUE(refuses(holmctl({"clone", machine, copy}), 1, copy));
    EXPECT_TRUE(refuses(holmctl({"clone", "no-such-machine", "other"}), 1, "no-such-machine"));
    EXPECT_EQ(sh("ls -A /var/lib/holm/machines | grep -q '^[.]' && exit 1 || exit 0").code, 0);
}

TEST_F(ChangesTest, TheMachineIdOfACloneIsNotItsOriginals)
{
    std::string machine = stopped("echo 00000000000000000000000000000001 > /etc/machine-id"), copy = name("copy");
    ASSERT_TRUE(exists(state_folder(machine) + "/upper/etc/machine-id"));
    ASSERT_TRUE(succeeds(holmctl({"clone", machine, copy})));
    EXPECT_FALSE(exists(state_folder(copy) + "/upper/etc/machine-id"));
}

TEST_F(ChangesTest, ARecordWithAnUpperOfTheUsersOwnIsClonedAndRenamed)
{
    std::string machine = name(), copy = name("copy"), third = name("third"), upper = folder() + "/own-upper";
    make_folder(upper);
    make_folder(upper + ".work");
    ASSERT_TRUE(succeeds(
        holmctl({"run", "--name=" + machine, "--lower=" + busybox(), "--upper=" + upper, "--network=none", "--", "/bin/touch", "/mine"})));
    ASSERT_TRUE(succeeds(holmctl({"clone", machine, copy})));
    EXPECT_TRUE(exists(state_folder(copy) + "/upper/mine"));
    EXPECT_TRUE(has(holmctl({"cat", copy}).out, state_folder(copy) + "/upper"));
    ASSERT_TRUE(succeeds(holmctl({"rename", copy, third})));
    EXPECT_TRUE(has(holmctl({"cat", third}).out, state_folder(third) + "/upper"));
    ASSERT_TRUE(succeeds(holmctl({"start", third})));
    EXPECT_TRUE(wait_for_state(third, "stopped"));
}

TEST_F(ChangesTest, WhatRunsOrWritesIntoItsRootIsRefused)
{
    std::string running = background(), other = name("other");
    EXPECT_TRUE(refuses(holmctl({"clone", running, other}), 1, "stop it first"));
    EXPECT_TRUE(refuses(holmctl({"rename", running, other}), 1, "stop it first"));
    ASSERT_TRUE(succeeds(holmctl({"stop", running})));
    EXPECT_TRUE(refuses(holmctl({"clone", running, other}), 1, "root.upper"));
    EXPECT_EQ(state_of(other), "");
    EXPECT_FALSE(exists(state_folder(other)));
}

TEST_F(ChangesTest, ARenamedMachineIsTheSameMachine)
{
    std::string machine = stopped(writes, "description = \"front\"\n"), renamed = name("renamed");
    make_folder(definition_file(machine) + ".d");
    write_file(definition_file(machine) + ".d/50-more.toml", "labels = { tier = \"front\" }\n");
    ASSERT_TRUE(succeeds(holmctl({"enable", machine})));
    const std::string before = identity(machine), tree = tree_of(machine);
    ASSERT_TRUE(succeeds(holmctl({"rename", machine, renamed})));
    EXPECT_EQ(identity(renamed), before);
    EXPECT_EQ(tree_of(renamed), tree);
    EXPECT_TRUE(has(holmctl({"show", "-p", "Labels", renamed}).out, "front"));
    EXPECT_EQ(run({"systemctl", "is-enabled", service_of(renamed)}).out, "enabled\n");
    EXPECT_NE(run({"systemctl", "is-enabled", service_of(machine)}).out, "enabled\n");
    EXPECT_EQ(state_of(machine), "");
    EXPECT_FALSE(exists(state_folder(machine)));
    EXPECT_FALSE(exists(definition_file(machine)));
    ASSERT_TRUE(succeeds(holmctl({"start", renamed})));
    EXPECT_TRUE(wait_for_state(renamed, "stopped"));
    ASSERT_TRUE(succeeds(holmctl({"rename", renamed, machine}))) << "and back";
    EXPECT_EQ(identity(machine), before);
}

TEST_F(ChangesTest, OfTheOldNameNoUnitStaysFailed)
{
    const std::string machine = name(), renamed = name("renamed");
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/no-such\"]\n", busybox()));
    EXPECT_NE(holmctl({"start", machine}).code, 0);
    EXPECT_TRUE(eventually([&] { return unit_state(service_of(machine)) == "failed"; }));
    ASSERT_TRUE(succeeds(holmctl({"rename", machine, renamed})));
    EXPECT_TRUE(eventually([&] { return unit_state(service_of(machine)) == "inactive"; })) << unit_state(service_of(machine));
}

TEST_F(ChangesTest, WhatOthersNeedIsNeitherRemovedNorRenamed)
{
    std::string base = stopped("true"), user = name("user");
    define(user, fmt::format("[root]\nlower = [\"{}\"]\n[unit]\nrequires = [\"machine:{}\"]\n", busybox(), base));
    EXPECT_TRUE(refuses(holmctl({"remove", base}), 1, fmt::format("'{}' (unit.requires)", user)));
    EXPECT_TRUE(refuses(holmctl({"rename", base, name("other")}), 1, user));
    EXPECT_EQ(state_of(base), "stopped");
    ASSERT_TRUE(succeeds(holmctl({"remove", user})));
    EXPECT_TRUE(succeeds(holmctl({"remove", base})));
}

// A holmd that dies leaves the one or the other, and what it was asked for is asked again.
TEST_F(ChangesTest, AHolmdThatDiesLeavesNoHalf)
{
    std::string machine = stopped("i=0; while [ $i -lt 3000 ]; do echo $i > /f$i; i=$((i+1)); done");
    const std::string tree = tree_of(machine);
    int told_wrong = 0;
    for (int attempt = 0; attempt < count(40, 6); ++attempt) {
        std::string copy = name("copy");
        Process clone({"holmctl", attempt % 2 ? "clone" : "rename", machine, copy});
        sleep_for(milliseconds(attempt * (attempt % 2 ? 23 : 3)));
        kill_holmd();
        const bool done = clone.wait().code == 0;
        ASSERT_TRUE(eventually([&] { return holmctl({"list"}).code == 0; }));
        // A request that had not reached the old holmd is carried out by the new one, whether its client still waits or not.
        auto look = [&] {
            return std::vector{exists(definition_file(machine)), exists(definition_file(copy)), exists(state_folder(machine)),
                               exists(state_folder(copy))};
        };
        auto idle = [] { return sh("busctl --list tree org.holm1 | grep -q /job/").code == 1; };
        ASSERT_TRUE(eventually(
            [&] {
                const auto before = look();
                if (!idle()) return false;
                sleep_for(milliseconds(500));
                return idle() && look() == before && before[0] == before[2] && before[1] == before[3];
            },
            120s))
            << "attempt " << attempt;
        if (attempt % 2 == 0) {
            const bool moved = !exists(definition_file(machine));
            ASSERT_NE(moved, exists(definition_file(machine)));
            ASSERT_EQ(moved, exists(definition_file(copy)));
            EXPECT_TRUE(moved || !done);
            told_wrong += moved && !done;
            if (moved) machine = copy;
        } else if (exists(state_folder(copy))) {
            told_wrong += !done;
            EXPECT_EQ(tree_of(copy), tree) << "attempt " << attempt;
            EXPECT_TRUE(exists(definition_file(copy)));
        } else {
            EXPECT_FALSE(done);
            EXPECT_FALSE(exists(definition_file(copy)));
        }
        EXPECT_EQ(tree_of(machine), tree);
        EXPECT_TRUE(eventually([] { return sh("! ls -A /var/lib/holm/machines | grep -q '^[.]'").code == 0; }));
    }
    // But for a request whose answer the dead one took with it.
    EXPECT_LE(told_wrong, 1);
}

// holmd goes on: what its child had begun is not left until it starts the next time.
TEST_F(ChangesTest, AChildThatIsKilledLeavesNothing)
{
    std::string machine = stopped("i=0; while [ $i -lt 3000 ]; do echo $i > /f$i; i=$((i+1)); done");
    const std::string tree = tree_of(machine);
    const int holmd = holmd_pid();
    int killed = 0;
    for (int attempt = 0; attempt < count(40, 8); ++attempt) {
        const bool renames = attempt % 4 == 3;
        const std::string copy = name("copy"), when = fmt::format("attempt {}", attempt);
        Process change({"holmctl", renames ? "rename" : "clone", machine, copy});
        ASSERT_TRUE(eventually([&] { return change.ended() || sh(fmt::format("pgrep -x -P {} holmd", holmd)).code == 0; }));
        sleep_for(milliseconds(attempt * (renames ? 1 : 7)));
        sh(fmt::format("pkill -KILL -x -P {} holmd", holmd));
        const bool done = change.wait().code == 0;
        if (!done) ++killed;
        EXPECT_EQ(exists(state_folder(copy)), done) << when;
        EXPECT_EQ(exists(definition_file(copy)), done) << when;
        EXPECT_EQ(exists(state_folder(machine)), !(renames && done)) << when;
        EXPECT_EQ(exists(definition_file(machine)), !(renames && done)) << when;
        if (renames && done) machine = copy;
        EXPECT_EQ(tree_of(machine), tree) << when;
        EXPECT_EQ(sh(fmt::format("cd {}; ls -Ad .[!.]* {}/renaming 2>/dev/null; ls /etc/holm/machines | grep -v 'toml$'",
                                 "/var/lib/holm/machines", machine))
                      .out,
                  "")
            << when;
        if (!renames && done) {
            EXPECT_TRUE(succeeds(holmctl({"remove", copy})));
        }
    }
    EXPECT_GT(killed, 0);
    EXPECT_EQ(holmd_pid(), holmd);
    ASSERT_TRUE(succeeds(holmctl({"clone", machine, name("copy")})));
}

// -- snapshots and differences ----------------------------------------------------------------------------------------------------

class SnapshotTest : public ChangesTest {
protected:
    using Json = nlohmann::json;
    static void upper(const std::string& machine, const std::string& file, const std::string& content)
    {
        write_file(state_folder(machine) + "/upper/" + file, content);
    }
    static Json snapshots(const std::string& machine)
    {
        return Json::parse(holmctl({"--json=short", "snapshots", machine}).out, nullptr, false);
    }
};

TEST_F(SnapshotTest, AStoppedMachineIsSealedAndRolledBack)
{
    std::string machine = stopped("cat /a /b > /seen 2>&1; true");
    upper(machine, "a", "one");
    EXPECT_EQ(holmctl({"--json=short", "snapshot", machine, "first"}).out,
              fmt::format("{{\"machine\":\"{}\",\"tag\":\"first\",\"frozen\":0}}\n", machine));
    EXPECT_FALSE(exists(state_folder(machine) + "/upper/a")) << "sealed";
    upper(machine, "a", "two"), upper(machine, "b", "two");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_EQ(content_of(state_folder(machine) + "/upper/seen"), "twotwo");
    EXPECT_EQ(holmctl({"diff", "--since=first", machine}).out.substr(0, 4), "C /a");

    const Json list = snapshots(machine);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0]["tag"], "first");
    EXPECT_EQ(list[1]["layers"], 2);
    EXPECT_EQ(list[1]["current"], true);
    EXPECT_EQ(list[1]["frozen"], 0);

    ASSERT_TRUE(succeeds(holmctl({"rollback", machine, "first"})));
    EXPECT_FALSE(exists(state_folder(machine) + "/upper/seen"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_TRUE(content_of(state_folder(machine) + "/upper/seen").starts_with("one"));
    ASSERT_TRUE(succeeds(holmctl({"rollback", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"snapshots", "--remove=second", "--remove=first", machine})));
    EXPECT_EQ(snapshots(machine).size(), 0u);
    EXPECT_TRUE(refuses(holmctl({"rollback", machine, "first"}), 1, "first"));
    EXPECT_TRUE(refuses(holmctl({"snapshot", machine, "no/tag"}), 1, "no/tag"));
    EXPECT_TRUE(eventually([&] { return sh(fmt::format("! ls -A {}/layers | grep -q '^[.]'", state_folder(machine))).code == 0; }));
}

TEST_F(SnapshotTest, ARunningMachineStandsStillAndGoesOn)
{
    std::string machine = name();
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"i=0; while :; do i=$((i+1)); "
                                "echo $i > /new; mv /new /one; echo $i > /new; mv /new /two; done\"]\nstop_signal = "
                                "\"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n",
                                busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return exists(state_folder(machine) + "/upper/two"); }));
    Outcome outcome = holmctl({"snapshot", machine, "live"});
    ASSERT_TRUE(succeeds(outcome));
    EXPECT_TRUE(has(outcome.err, "stood still for"));
    EXPECT_GT(snapshots(machine)[0]["frozen"].get<uint64_t>(), 0u);
    EXPECT_EQ(machine_property(machine, "Frozen"), "b false");
    const std::string layer = sh(fmt::format("ls -d {}/layers/[0-9a-f]* | tr -d '\n'", state_folder(machine))).out;
    const int one = std::stoi("0" + content_of(layer + "/one")), two = std::stoi("0" + content_of(layer + "/two"));
    EXPECT_LE(std::abs(one - two), 1) << "one moment of the machine";
    EXPECT_TRUE(eventually([&] { return std::stoi("0" + content_of(state_folder(machine) + "/upper/one")) > one; })) << "it goes on";
    EXPECT_TRUE(refuses(holmctl({"rollback", machine, "live"}), 1, "stop it first"));
    EXPECT_TRUE(has(holmctl({"diff", machine}).out, "A /one"));

    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--at-next-start", machine, "later"})));
    EXPECT_EQ(snapshots(machine).size(), 1u);
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    ASSERT_TRUE(succeeds(holmctl({"rollback", machine, "live"})));
    EXPECT_EQ(content_of(layer + "/one"), fmt::format("{}\n", one));
    EXPECT_EQ(snapshots(machine).size(), 2u) << "what was put off is made of the state that goes";
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(snapshots(machine).size(), 2u);
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(SnapshotTest, ACopyThatIsKilledLeavesNothing)
{
    std::string machine = name();
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"dd if=/dev/urandom of=/large bs=1M "
                                "count=150; touch /written; while :; do date > /now; sleep 1; done\"]\nstop_signal = "
                                "\"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n",
                                busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return exists(state_folder(machine) + "/upper/written"); }, 60s));
    const std::string layers = state_folder(machine) + "/layers", list = fmt::format("ls -A {}", layers);
    Process snapshot({"holmctl", "snapshot", machine, "killed"});
    ASSERT_TRUE(eventually([&] { return snapshot.ended() || sh(list + " | grep -q '^[.]new-'").code == 0; }));
    sh(fmt::format("pkill -KILL -x -P {} holmd", holmd_pid()));
    EXPECT_NE(snapshot.wait().code, 0);
    EXPECT_TRUE(eventually([&] { return sh(list).out.empty(); })) << sh(list).out;
    EXPECT_EQ(snapshots(machine).size(), 0u);
    EXPECT_EQ(machine_property(machine, "Frozen"), "b false");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "whole"})));
}

// The holmd that has frozen it is dead: the next one lets it go on.
TEST_F(SnapshotTest, AMachineIsNotLeftStandingStill)
{
    std::string machine = name();
    define(machine, fmt::format("[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", \"i=0; while [ $i -lt 4000 ]; "
                                "do echo $i > /f$i; i=$((i+1)); done; while :; do date > /now; done\"]\nstop_signal = "
                                "\"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n",
                                busybox()));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    ASSERT_TRUE(eventually([&] { return exists(state_folder(machine) + "/upper/now"); }, 60s));
    Process snapshot({"busctl", "call", "org.holm1", "/org/holm1", "org.holm1.Manager", "SnapshotMachine", "ssa{sv}", machine, "x", "0"});
    ASSERT_TRUE(eventually([&] { return exists("/run/holm/machines/" + machine + "/thaw"); }));
    kill_holmd();
    ASSERT_TRUE(eventually([&] { return machine_property(machine, "Frozen") == "b false"; }));
    EXPECT_FALSE(exists("/run/holm/machines/" + machine + "/thaw"));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "y"})));
    EXPECT_TRUE(eventually([&] { return sh(fmt::format("! ls -A {}/layers | grep -q '^[.]'", state_folder(machine))).code == 0; }));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(SnapshotTest, WhatCannotBeSealedSaysWhatToDo)
{
    std::string in_place = name(), memory = name();
    define(in_place, fmt::format("[root]\npath = \"{}\"\n", busybox()));
    define(memory, fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n", busybox()));
    for (const char* verb : {"snapshot", "diff"}) {
        EXPECT_TRUE(refuses(holmctl({verb, in_place}), 1, "root.upper"));
        EXPECT_TRUE(refuses(holmctl({verb, memory}), 1, "ephemeral"));
    }
}

TEST_F(SnapshotTest, DiffTellsWhatAMachineHasDone)
{
    std::string machine = stopped(writes);
    const std::string text = holmctl({"diff", machine}).out;
    for (const char* line : {"D /bin/vi\n", "A /data/\n", "A /data/x/y\n", "A /data/z\n"}) EXPECT_TRUE(has(text, line));
    const Json list = Json::parse(holmctl({"--json=short", "diff", machine}).out, nullptr, false);
    ASSERT_TRUE(list.is_array());
    auto owned = std::ranges::find_if(list, [](const Json& one) { return one["path"] == "/data/x"; });
    ASSERT_NE(owned, list.end());
    EXPECT_EQ((*owned)["now"]["user"], 5);
    std::string copy = name("copy");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "s"})));
    ASSERT_TRUE(succeeds(holmctl({"clone", machine, copy})));
    EXPECT_EQ(holmctl({"diff", copy}).out, text) << "a copy has the snapshots too";
    EXPECT_EQ(holmctl({"diff", "--since=s", copy}).out, "");
}

// The time of sealing is not that of what is sealed or of the root below.
TEST_F(SnapshotTest, SealingTakesTheSameTimeWhateverItsSize)
{
    std::string small = stopped("true"), large = stopped("true");
    upper(small, "file", "x");
    ASSERT_EQ(sh(fmt::format("head -c 200M /dev/urandom > {}/upper/file; sync", state_folder(large))).code, 0);
    auto time_of = [](const std::string& machine, const std::string& tag) {
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_TRUE(succeeds(holmctl({"snapshot", machine, tag})));
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    };
    double best_small = 1e9, best_large = 1e9;
    for (int i = 0; i < 5; ++i) {
        best_small = std::min(best_small, time_of(small, fmt::format("t{}", i)));
        best_large = std::min(best_large, time_of(large, fmt::format("t{}", i)));
        upper(small, "again", "x"), upper(large, "again", "x");
    }
    printf("snapshot: %.1f ms with 1 byte, %.1f ms with 200 MB\n", best_small, best_large);
    EXPECT_LT(best_large, best_small * 3 + 50);
}

}  // namespace holm::test
