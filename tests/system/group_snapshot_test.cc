// Snapshots of all machines of a slice: of one moment, by all or by none.
#include <algorithm>
#include <filesystem>
#include <random>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace fs = std::filesystem;

// Counts, and goes on when its peer has acknowledged the number: what it has sent is never more than one ahead of what the peer has got.
// Nobody reads half a number: a shell reads byte by byte.
constexpr const char* sender =
    "i=0; while :; do i=$((i+1)); echo $i > /t; mv /t /sent; echo $i > /shared/t; mv /shared/t /shared/n; "
    "while read v < /shared/ack; [ \"$v\" != $i ]; do :; done; done";
constexpr const char* receiver =
    "last=0; while :; do read v < /shared/n; [ \"${v:-$last}\" != $last ] || continue; echo $v > /t; mv /t /got; last=$v; "
    "echo $v > /shared/u; mv /shared/u /shared/ack; done";

class GroupSnapshotTest : public SystemTest {
protected:
    using Json = nlohmann::json;
    void SetUp() override
    {
        SystemTest::SetUp();
        group_ = fmt::format("test{}", getpid());
        slice_ = fmt::format("machine-{}.slice", group_);
    }

    void TearDown() override
    {
        for (const std::string& machine : members_) take_away(machine);
        run({"systemctl", "stop", slice_});  // systemd keeps an empty one for as long as it likes
        SystemTest::TearDown();
    }

    std::string member(const std::string& script, const std::string& slice, const std::string& more = "")
    {
        std::string machine = name();
        members_.push_back(machine);
        define(machine, fmt::format("{}[root]\nlower = [\"{}\"]\n[payload]\ncommand = [\"/bin/sh\", \"-c\", '{}']\nstop_signal = "
                                    "\"SIGKILL\"\n[[network]]\nnetwork = \"none\"\n[unit]\nslice = \"{}\"\n",
                                    more, busybox(), script, slice));
        run({"systemctl", "daemon-reload"});  // the slice of a unit is read at load
        return machine;
    }
    std::string running(const std::string& script, const std::string& more = "")
    {
        std::string machine = member(script, slice_, more);
        EXPECT_TRUE(succeeds(holmctl({"start", machine})));
        return machine;
    }
    // One that has run, and has "old" in /state.
    std::string stopped()
    {
        std::string machine = member("cat /state > /seen; true", fmt::format("machine-{}-inner.slice", group_));
        EXPECT_TRUE(succeeds(holmctl({"start", machine})));
        EXPECT_TRUE(wait_for_state(machine, "stopped"));
        write_file(upper(machine) + "/state", "old");
        return machine;
    }
    // As soon as `machine` stands still, holmd's children get the signal: those that copy.
    static Process signal_copiers(const std::string& machine, const char* signal)
    {
        return Process({"sh", "-c",
                        fmt::format("until [ -e {} ]; do :; done; until pkill -{} -x -P {} holmd; do :; done", thaw_mark(machine), signal,
                                    holmd_pid())});
    }
    // With much to copy.
    std::string large()
    {
        std::string machine =
            running("dd if=/dev/urandom of=/large bs=1M count=150; touch /written; while :; do date > /now; sleep 1; done");
        EXPECT_TRUE(eventually([&] { return exists(upper(machine) + "/written"); }, 60s));
        return machine;
    }

    static std::string upper(const std::string& machine) { return fmt::format("/var/lib/holm/machines/{}/upper", machine); }
    static std::string layers(const std::string& machine) { return fmt::format("/var/lib/holm/machines/{}/layers", machine); }
    static std::string thaw_mark(const std::string& machine) { return fmt::format("/run/holm/machines/{}/thaw", machine); }
    static Json snapshots(const std::string& machine)
    {
        return Json::parse(holmctl({"--json=short", "snapshots", machine}).out, nullptr, false);
    }
    static std::vector<std::string> tags(const std::string& machine)
    {
        std::vector<std::string> found;
        for (const Json& one : snapshots(machine)) found.push_back(one["tag"]);
        return found;
    }
    static std::vector<std::string> layers_of(const std::string& machine)
    {
        std::vector<std::string> found;
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(layers(machine), none))
            if (entry.is_directory()) found.push_back(entry.path());
        return found;
    }
    static int number_in(const std::string& path) { return std::stoi("0" + content_of(path)); }
    static std::string marks() { return sh("ls /var/lib/holm | grep '^group-'").out; }
    // The one that has come since.
    static std::string layer_of(const std::string& machine, const std::vector<std::string>& before)
    {
        for (const std::string& layer : layers_of(machine))
            if (std::ranges::find(before, layer) == before.end()) return layer;
        return "";
    }

    std::string group_, slice_;
    std::vector<std::string> members_;
};

TEST_F(GroupSnapshotTest, AllAreOfOneMoment)
{
    const std::string shared = folder() + "/shared";
    make_folder(shared);
    write_file(shared + "/ack", "0\n"), write_file(shared + "/n", "0\n");
    const std::string mount = fmt::format("mount = [{{ source = \"{}\", target = \"/shared\" }}]\n", shared);
    // Files that take time to copy: without the freeze the two would be far apart.
    const std::string fill = "i=0; while [ $i -lt 800 ]; do echo $i > /f$i; i=$((i+1)); done; ";
    const std::string a = running(fill + sender, mount), b = running(fill + receiver, mount), c = stopped();
    ASSERT_TRUE(eventually([&] { return number_in(upper(b) + "/got") > 3; }, 60s));

    // One after the other they are of two moments, which shows.
    ASSERT_TRUE(succeeds(holmctl({"snapshot", a, "alone"})));
    const int sent_alone = number_in(layers_of(a).front() + "/sent");
    ASSERT_TRUE(eventually([&] { return number_in(upper(b) + "/got") > sent_alone; }));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", b, "alone"})));
    EXPECT_GT(number_in(layers_of(b).front() + "/got"), sent_alone);

    uint64_t longest = 0;
    for (int i = 0; i < count(30, 5); ++i) {
        const auto a_before = layers_of(a), b_before = layers_of(b);
        const std::string tag = fmt::format("t{}", i);
        Outcome outcome = holmctl({"--json=short", "snapshot", "--group=" + group_, tag});
        ASSERT_TRUE(succeeds(outcome));
        const Json told = Json::parse(outcome.out, nullptr, false);
        longest = std::max(longest, told["frozen"].get<uint64_t>());
        EXPECT_EQ(told["machines"].size(), 3u);
        EXPECT_EQ(told["tag"], tag);
        const int sent = number_in(layer_of(a, a_before) + "/sent"), got = number_in(layer_of(b, b_before) + "/got");
        EXPECT_GT(got, 0);
        EXPECT_LE(got, sent) << "nothing has come that was not sent";
        EXPECT_GE(got, sent - 1) << "nothing was acknowledged that had not come";
        EXPECT_EQ(snapshots(a).back()["created"], snapshots(c).back()["created"]);
        EXPECT_EQ(snapshots(a).back()["frozen"], told["frozen"]);
        EXPECT_EQ(snapshots(c).back()["frozen"], 0);
        EXPECT_EQ(machine_property(a, "Frozen"), "b false");
        EXPECT_EQ(machine_property(b, "Frozen"), "b false");
        EXPECT_TRUE(eventually([&] { return number_in(upper(b) + "/got") > got + 1; })) << "they go on";
    }
    printf("group of 2 that run and 1 that does not: the longest pause was %.1f ms\n", static_cast<double>(longest) / 1000);
    EXPECT_EQ(marks(), "");

    write_file(upper(c) + "/state", "new");
    EXPECT_TRUE(refuses(holmctl({"rollback", "--group=" + slice_, "t1"}), 1, fmt::format("run '{}', '{}'", a, b)));
    EXPECT_EQ(content_of(upper(c) + "/state"), "new") << "nothing is done then";
    ASSERT_TRUE(succeeds(holmctl({"terminate", a, b})));
    EXPECT_TRUE(refuses(holmctl({"rollback", "--group=" + slice_, "alone"}), 1, fmt::format("machine '{}': no snapshot 'alone'", c)));
    EXPECT_EQ(content_of(upper(c) + "/state"), "new");
    EXPECT_TRUE(exists(upper(a) + "/sent"));
    ASSERT_TRUE(succeeds(holmctl({"rollback", "--group=" + slice_, "t1"})));
    for (const std::string& machine : {a, b, c}) EXPECT_EQ(holmctl({"diff", "--since=t1", machine}).out, "") << machine;
    ASSERT_TRUE(succeeds(holmctl({"start", c})));
    EXPECT_TRUE(wait_for_state(c, "stopped"));
    EXPECT_EQ(content_of(upper(c) + "/seen"), "old");
}

TEST_F(GroupSnapshotTest, WhatOneCannotAllCannot)
{
    const std::string a = running("while :; do date > /now; done"), b = stopped();
    ASSERT_TRUE(eventually([&] { return exists(upper(a) + "/now"); }));
    const std::string other = member("true", fmt::format("machine-{}s.slice", group_));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--group=no-such"}), 1, "no machine is in slice 'machine-no-such.slice'"));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--group=a@b"}), 1, "no slice"));
    EXPECT_EQ(holmctl({"snapshot", "--group=" + group_, "--at-next-start"}).code, 2);

    ASSERT_TRUE(succeeds(holmctl({"snapshot", b, "there"})));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--group=" + group_, "there"}), 1, fmt::format("machine '{}': ", b)));
    EXPECT_EQ(tags(a), std::vector<std::string>{});
    EXPECT_FALSE(exists(thaw_mark(a)));

    const std::string memory = name();
    define(memory, fmt::format("[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n[unit]\nslice = \"{}\"\n", busybox(), slice_));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--group=" + group_, "new"}), 1, memory));
    EXPECT_EQ(tags(a), std::vector<std::string>{});
    EXPECT_EQ(tags(b), std::vector<std::string>{"there"});
    ASSERT_TRUE(succeeds(holmctl({"remove", memory})));

    ASSERT_TRUE(succeeds(holmctl({"freeze", a})));
    Outcome drawn = holmctl({"snapshot", "--group=" + group_});
    ASSERT_TRUE(succeeds(drawn));
    EXPECT_TRUE(has(drawn.err, "2 machines, of which those that run stood still for"));
    EXPECT_EQ(machine_property(a, "Frozen"), "b true") << "as it was";
    EXPECT_EQ(tags(a).back() + "\n", drawn.out);
    EXPECT_EQ(tags(b).back() + "\n", drawn.out);
    EXPECT_EQ(tags(other), std::vector<std::string>{});
    ASSERT_TRUE(succeeds(holmctl({"thaw", a})));
}

TEST_F(GroupSnapshotTest, WhereOneFailsNoneHasIt)
{
    const std::string a = running("while :; do date > /now; done"), b = large(), c = stopped();
    const std::string list = fmt::format("ls -A {} {} {}", layers(a), layers(b), layers(c));
    auto nothing_is_left = [&] {
        for (const std::string& machine : {a, b, c}) {
            EXPECT_EQ(tags(machine), std::vector<std::string>{}) << machine;
            EXPECT_TRUE(eventually([&] { return layers_of(machine).empty(); })) << sh(list).out;
        }
        EXPECT_EQ(marks(), "");
        EXPECT_EQ(content_of(upper(c) + "/state"), "old");
    };

    Process killing = signal_copiers(b, "KILL");
    Outcome outcome = holmctl({"snapshot", "--group=" + group_, "killed"});
    killing.wait();
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << "one reason of all: " << outcome.err;
    nothing_is_left();
    EXPECT_EQ(machine_property(a, "Frozen"), "b false");

    // While they are copied they are nobody else's to thaw or to start, but whoever wants one to stop has it stopped.
    Process holding = signal_copiers(b, "STOP"), stopping({"holmctl", "snapshot", "--group=" + group_, "stopped"});
    holding.wait();
    ASSERT_FALSE(stopping.ended());
    EXPECT_TRUE(refuses(holmctl({"thaw", a}), 1, "stands still while it is being snapshot"));
    EXPECT_TRUE(refuses(holmctl({"start", c}), 1, "being snapshot with slice"));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--group=" + group_, "second"}), 1, "being snapshot with slice"));
    ASSERT_TRUE(succeeds(holmctl({"terminate", a})));
    outcome = stopping.wait();  // the copies of the others would take for ever
    EXPECT_EQ(outcome.code, 1);
    EXPECT_TRUE(has(outcome.err, fmt::format("machine '{}': it ", a)));
    nothing_is_left();
    EXPECT_EQ(machine_property(b, "Frozen"), "b false");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--group=" + group_, "whole"})));
    for (const std::string& machine : {a, b, c}) EXPECT_EQ(tags(machine), std::vector<std::string>{"whole"}) << machine;
}

TEST_F(GroupSnapshotTest, OneAloneThatIsStoppedMeanwhileHasNone)
{
    const std::string a =
        running("mkdir -p /many; for n in $(seq 6000); do : >/many/$n; done; touch /written; while :; do sleep 1000 & wait $!; done");
    ASSERT_TRUE(eventually([&] { return exists(upper(a) + "/written"); }, 60s));
    // Each call freezes it before it copies; the end of a call is later than the stop, however long the copy takes.
    auto stop_in_the_midst = [&](const std::vector<std::string>& command) {
        const size_t before = layers_of(a).size();
        Process changing(command);
        EXPECT_TRUE(eventually([&] { return exists(thaw_mark(a)) || changing.ended(); }));
        EXPECT_TRUE(succeeds(holmctl({"terminate", a})));
        const Outcome outcome = changing.wait();
        EXPECT_TRUE(eventually([&] { return layers_of(a).size() == before || outcome.code == 0; })) << sh("ls -A " + layers(a)).out;
        EXPECT_TRUE(succeeds(holmctl({"start", a})));
        if (outcome.code == 0) return false;
        EXPECT_TRUE(refuses(outcome, 1, fmt::format("machine '{}': it ", a)));
        return true;
    };
    int caught = 0;
    for (int i = 0; i < 5; ++i) {
        const std::string tag = fmt::format("t{}", i);
        const bool failed = stop_in_the_midst({"holmctl", "snapshot", a, tag});
        caught += failed;
        EXPECT_EQ(std::ranges::count(tags(a), tag), failed ? 0 : 1);
    }
    EXPECT_GT(caught, 0);
    ASSERT_TRUE(succeeds(holmctl({"snapshot", a, "one"})));
    EXPECT_TRUE(refuses(holmctl({"snapshot", a, "one"}), 1, "there is a snapshot 'one' already"));
}

TEST_F(GroupSnapshotTest, ARestartDoesNotWaitForACopyThatIsOfNoUse)
{
    const std::string a = large();
    Process holding = signal_copiers(a, "STOP"), copying({"holmctl", "snapshot", a, "x"});  // its copy would take for ever
    holding.wait();
    ASSERT_FALSE(copying.ended());
    EXPECT_TRUE(succeeds(holmctl({"restart", a})));
    EXPECT_TRUE(refuses(copying.wait(), 1, fmt::format("machine '{}': it ", a)));
    EXPECT_EQ(state_of(a), "running");
    EXPECT_EQ(tags(a), std::vector<std::string>{});
    EXPECT_TRUE(eventually([&] { return layers_of(a).empty(); })) << sh("ls -A " + layers(a)).out;
    EXPECT_TRUE(succeeds(holmctl({"snapshot", a, "x"})));
}

TEST_F(GroupSnapshotTest, AHolmdThatDiesLeavesAllOrNone)
{
    const std::string script = "i=0; while [ $i -lt 300 ]; do echo $i > /f$i; i=$((i+1)); done; while :; do date > /now; done";
    const std::vector<std::string> machines = {running(script), running(script), stopped()};
    for (size_t i = 0; i < 2; ++i) ASSERT_TRUE(eventually([&] { return exists(upper(machines[i]) + "/now"); }, 60s));
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--group=" + group_, "first"})));
    const auto takes = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count();
    std::mt19937 random(11);
    int all = 0, none = 0;
    for (int attempt = 0; attempt < count(40, 10); ++attempt) {
        const std::string tag = fmt::format("t{}", attempt);
        Process snapshot({"busctl", "call", "org.holm1", "/org/holm1", "org.holm1.Manager", "SnapshotGroup", "ssa{sv}", group_, tag, "0"});
        // The last steps, in which they are written down, are the shortest.
        sleep_for(milliseconds(attempt % 2 ? takes * 3 / 4 + static_cast<long>(random()) % (takes / 2 + 1)
                                           : static_cast<long>(random()) % takes));
        kill_holmd();
        snapshot.wait();
        ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }));
        EXPECT_EQ(marks(), "") << attempt;
        size_t have = 0;
        for (const std::string& machine : machines) {
            const auto found = tags(machine);
            have += std::ranges::count(found, tag);
            EXPECT_TRUE(eventually([&] { return !exists(thaw_mark(machine)); })) << attempt;
        }
        EXPECT_TRUE(have == 0 || have == machines.size()) << attempt << ": " << have;
        ++(have == 0 ? none : all);
        for (size_t i = 0; i < 2; ++i)
            ASSERT_TRUE(eventually([&] { return machine_property(machines[i], "Frozen") == "b false"; })) << attempt;
    }
    printf("holmd killed %d times within %ld ms: all had it %d times, none %d times\n", all + none, static_cast<long>(takes) * 5 / 4, all,
           none);
    EXPECT_GT(none, 0);

    // Who still waits asks the next one.
    Process waiting({"holmctl", "snapshot", "--group=" + group_, "again"});
    ASSERT_TRUE(eventually([&] { return exists(thaw_mark(machines[0])) || waiting.ended(); }));
    kill_holmd();
    EXPECT_TRUE(succeeds(waiting.wait()));
    for (const std::string& machine : machines) EXPECT_EQ(tags(machine).back(), "again") << machine;
}

// What a holmd has left that died when it had written down a part: the file that says so, and two that have it.
TEST_F(GroupSnapshotTest, AHalfIsTakenBackAtTheNextStart)
{
    const std::string a = stopped(), b = stopped(), c = stopped();
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--group=" + group_, "half"})));
    ASSERT_TRUE(succeeds(holmctl({"snapshots", "--remove=half", c})));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", c, "half"}))) << "of the same tag, and not of the group";
    const uint64_t created = snapshots(a).back()["created"];
    std::string text = fmt::format("half\n{}\n", created);
    for (const std::string& machine : {a, b, c}) text += fmt::format("ours {}\n", upper(machine));
    write_file(fmt::format("/var/lib/holm/group-{}-{}", a, created), text);
    write_file(fmt::format("/var/lib/holm/group-{}-{}.new", b, created), "hal");
    kill_holmd();
    ASSERT_TRUE(eventually([] { return holmctl({"list"}).code == 0; }));
    EXPECT_EQ(marks(), "");
    EXPECT_EQ(tags(a), std::vector<std::string>{});
    EXPECT_EQ(tags(b), std::vector<std::string>{});
    EXPECT_EQ(tags(c), std::vector<std::string>{"half"});
    ASSERT_TRUE(succeeds(holmctl({"start", a})));
    EXPECT_TRUE(wait_for_state(a, "stopped"));
    EXPECT_EQ(content_of(upper(a) + "/seen"), "old") << "what was sealed stays in the machine";
}

}  // namespace holm::test
