// What holm keeps of a machine's states beside them: what was put off to its next start, and which rebase it stands on.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"
#include "snapshot.h"

namespace holm::test {

class HistoryTest : public SystemTest {
protected:
    using Json = nlohmann::json;
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        ASSERT_TRUE(succeeds(holmctl({"import-fs", busybox(), "base"})));
    }
    void TearDown() override
    {
        for (const std::string& machine : mine_) take_away(machine);
        for (const char* image : {"base", "first", "second"}) holmctl({"remove-image", image});
        EXPECT_TRUE(succeeds(holmctl({"prune"})));
        EXPECT_TRUE(eventually([] { return sh("ls -A /var/lib/holm/layers").out == ".lock\n"; })) << sh("ls -lA /var/lib/holm/layers").out;
        SystemTest::TearDown();
    }
    // A machine of the image that is stopped and has done `script`.
    std::string stopped(const std::string& script)
    {
        mine_.push_back(name());
        EXPECT_TRUE(succeeds(holmctl({"run", "--name=" + mine_.back(), "--network=none", "--image=base", "--", "/bin/sh", "-c", script})));
        return mine_.back();
    }
    // One that runs, and has written /state.
    std::string running()
    {
        mine_.push_back(name());
        EXPECT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + mine_.back(), "--network=none", "--image=base", "--", "/bin/sh", "-c",
                                      "echo one >/state; while :; do sleep 1000 & wait $!; done"})));
        EXPECT_TRUE(eventually([&] { return exists(upper(mine_.back()) + "/state"); }));
        return mine_.back();
    }
    static std::string upper(const std::string& machine) { return "/var/lib/holm/machines/" + machine + "/upper"; }
    static std::vector<std::string> tags(const std::string& machine)
    {
        std::vector<std::string> all;
        for (const Json& row : Json::parse(holmctl({"--json=short", "snapshots", machine}).out, nullptr, false)) all.push_back(row["tag"]);
        return all;
    }
    static std::string in_image(const std::string& image, const std::string& file)
    {
        return holmctl({"run", "--rm", "--network=none", "--image=" + image, "--", "/bin/cat", file}).out;
    }
    // A database of rpm, as rpm 4.16 and later has it: packages "NAME VERSION RELEASE".
    static void write_packages(const std::string& path, std::vector<std::string> packages)
    {
        make_folder(path.substr(0, path.rfind('/')));
        packages.insert(packages.begin(), {"python3", "-c", R"py(
import sqlite3, struct, sys
database = sqlite3.connect(sys.argv[1])
database.execute('PRAGMA journal_mode = WAL')
database.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
for package in sys.argv[2:]:
    index, data = b'', b''
    for tag, text in zip((1000, 1001, 1002), package.split()):
        index += struct.pack('>4I', tag, 6, len(data), 1)
        data += text.encode() + b'\0'
    blob = struct.pack('>2I', 3, len(data)) + index + data
    database.execute('INSERT INTO Packages (blob) VALUES (?)', (blob,))
database.commit()
database.close()
)py",
                                           path});
        ASSERT_TRUE(succeeds(run(packages)));
    }
    using Tags = std::vector<std::string>;
    std::vector<std::string> mine_;
};

// -- put off to the next start ------------------------------------------------------------------------------------------------------

TEST_F(HistoryTest, OneSnapshotIsPutOffAtATime)
{
    const std::string machine = running();
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--at-next-start", machine, "later"})));
    EXPECT_TRUE(refuses(holmctl({"snapshot", machine, "later"}), 1, "the next start makes a snapshot 'later'"));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--at-next-start", machine, "later"}), 1, "the next start makes a snapshot 'later'"));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--at-next-start", machine, "later2"}), 1, "'snapshots --remove=later'"));
    ASSERT_TRUE(succeeds(holmctl({"snapshots", "--remove=later", machine})));
    EXPECT_TRUE(refuses(holmctl({"snapshots", "--remove=later", machine}), 1, "later")) << "it was taken back";
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--at-next-start", machine, "later2"})));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(tags(machine), Tags{"later2"});
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(HistoryTest, ARollbackLosesNothingThatWasPutOff)
{
    const std::string machine = running();
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "A"})));
    ASSERT_TRUE(succeeds(inside(machine, "echo two >/state; sync")));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--at-next-start", machine, "B"})));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    ASSERT_TRUE(succeeds(holmctl({"rollback", machine, "A"})));
    EXPECT_EQ(tags(machine), (Tags{"A", "B"}));
    write_file(upper(machine) + "/state", "three\n");
    // Of one that is stopped there is nothing to wait for.
    ASSERT_TRUE(succeeds(holmctl({"snapshot", "--at-next-start", machine, "C"})));
    EXPECT_EQ(tags(machine), (Tags{"A", "B", "C"}));
    EXPECT_FALSE(exists(upper(machine) + "/state")) << "sealed";
    EXPECT_TRUE(refuses(holmctl({"snapshot", machine, "C"}), 1, "'C' already"));
    for (const char* tag : {"A", "B", "C"}) {
        ASSERT_TRUE(succeeds(holmctl({"rollback", machine, tag})));
        ASSERT_TRUE(succeeds(holmctl({"commit", "--force", machine, "first"})));
        EXPECT_EQ(in_image("first", "/state"), *tag == 'A' ? "one\n" : *tag == 'B' ? "two\n" : "three\n") << tag;
    }
}

// As an earlier holmd may have left it: the tag that the start is to make is there.
TEST_F(HistoryTest, NoStartFailsForASnapshotThatWasPutOff)
{
    const std::string machine = stopped("echo one >/state");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "x"})));
    const std::string history = "/var/lib/holm/machines/" + machine + "/layers/history.toml";
    ASSERT_TRUE(succeeds(sh(fmt::format("sed -i '1i next_start = \"x\"' {}", history))));
    const std::string since = journal_position();
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    EXPECT_EQ(tags(machine), Tags{"x"});
    EXPECT_EQ(content_of(history).find("next_start"), std::string::npos) << "it is not tried again";
    EXPECT_TRUE(has(sh(fmt::format("journalctl --sync; journalctl -q --no-pager -o cat --after-cursor='{}'", since)).out,
                    "snapshot 'x', which was put off to this start, was not taken"));
    EXPECT_TRUE(refuses(holmctl({"snapshot", machine, "before-rebase-x"}), 1, "'before-rebase-'"));
}

TEST_F(HistoryTest, OneImageIsPutOffAtATime)
{
    const std::string machine = running();
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "A"})));
    ASSERT_TRUE(succeeds(holmctl({"commit", "--at-next-start", machine, "first"})));
    EXPECT_TRUE(refuses(holmctl({"commit", "--at-next-start", machine, "second"}), 1, "image 'first' at its next start already"));
    ASSERT_TRUE(succeeds(holmctl({"commit", "--at-next-start", "--force", machine, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(exists("/var/lib/holm/images/second.toml"));
    EXPECT_FALSE(exists("/var/lib/holm/images/first.toml"));

    // Nothing takes the state away that an image was promised of; of a machine that is stopped it is made at once.
    ASSERT_TRUE(succeeds(inside(machine, "echo two >/state; sync")));
    ASSERT_TRUE(succeeds(holmctl({"commit", "--at-next-start", machine, "first"})));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(refuses(holmctl({"rollback", machine, "A"}), 1, "'commit' it as 'first' before"));
    ASSERT_TRUE(succeeds(holmctl({"commit", "--at-next-start", machine, "first"})));
    EXPECT_EQ(in_image("first", "/state"), "two\n");
    EXPECT_TRUE(succeeds(holmctl({"rollback", machine, "A"})));
}

TEST_F(HistoryTest, NothingIsPutOffWhereThereIsNoNextStart)
{
    mine_.push_back(name());
    const std::string machine = mine_.back();
    ASSERT_TRUE(
        succeeds(holmctl({"run", "--rm", "--detach", "--name=" + machine, "--network=none", "--image=base", "--", "/bin/sleep", "1000"})));
    EXPECT_TRUE(refuses(holmctl({"snapshot", "--at-next-start", machine, "x"}), 1, "--rm"));
    EXPECT_TRUE(refuses(holmctl({"commit", "--at-next-start", machine, "first"}), 1, "--rm"));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    EXPECT_TRUE(eventually([&] { return !exists("/var/lib/holm/machines/" + machine); }));
}

// -- rebase -------------------------------------------------------------------------------------------------------------------------

// What is undone is the rebase that it stands on, and nothing else.
TEST_F(HistoryTest, ARebaseIsUndoneOnce)
{
    ASSERT_TRUE(succeeds(holmctl({"commit", stopped("echo theirs >/first"), "first"})));
    ASSERT_TRUE(succeeds(holmctl({"commit", stopped("echo theirs >/second"), "second"})));
    const std::string machine = stopped("echo own >/own");
    auto undo = [&] { return holmctl({"rebase", "--undo", machine}); };
    auto rebase = [&](const char* image) { return holmctl({"rebase", "-q", machine, image}); };
    ASSERT_TRUE(succeeds(rebase("first")));
    ASSERT_TRUE(succeeds(undo()));
    write_file(upper(machine) + "/work-of-weeks", "much\n");
    EXPECT_TRUE(refuses(undo(), 1, "not rebased"));
    EXPECT_TRUE(exists(upper(machine) + "/work-of-weeks"));

    ASSERT_TRUE(succeeds(rebase("first")));
    ASSERT_TRUE(succeeds(rebase("second")));
    const std::string newest = tags(machine).back();
    ASSERT_TRUE(newest.starts_with("before-rebase-"));
    ASSERT_TRUE(succeeds(holmctl({"snapshots", "--remove=" + newest, machine})));
    EXPECT_TRUE(refuses(undo(), 1, newest));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "       Image: second\n")) << "it did not go back past the first";
    ASSERT_TRUE(succeeds(rebase("first")));
    ASSERT_TRUE(succeeds(undo()));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "       Image: second\n"));
    EXPECT_TRUE(has(holmctl({"diff", machine}).out, "A /work-of-weeks\n"));
}

TEST_F(HistoryTest, PackagesOfRpmAreCompared)
{
    const std::string before = stopped("true"), after = stopped("true"), machine = stopped("true");
    const std::string own = upper(machine) + "/var/lib/rpm/rpmdb.sqlite";
    write_packages(upper(before) + "/var/lib/rpm/rpmdb.sqlite", {"bash 5.1 1", "curl 7 1", "gpg-pubkey 1 1", "gone 1 1"});
    write_packages(upper(after) + "/usr/lib/sysimage/rpm/rpmdb.sqlite", {"bash 5.2 1", "curl 7 1", "gpg-pubkey 2 1", "new 1 1"});
    ASSERT_TRUE(succeeds(holmctl({"commit", before, "first"})));
    ASSERT_TRUE(succeeds(holmctl({"commit", after, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"rebase", "-q", machine, "first"})));
    auto report = [&] { return sh(fmt::format("holmctl rebase --dry-run {} second | grep ^package", machine)).out; };
    EXPECT_EQ(report(), "package bash 5.1-1 → 5.2-1 (here 5.1-1)\npackage gone 1-1 → none (here 1-1)\npackage new none → 1-1 (here none)\n")
        << journal_of("holmd.service");
    write_packages(own, {"bash 5.1 2", "curl 7 1"});
    EXPECT_TRUE(has(report(), "package bash 5.1-1 → 5.2-1 (here 5.1-2)\npackage gone 1-1 → none (here none)\n"));

    // What the machine may put in its place: where that cannot be read nothing is told of rpm, where it is no file at all the layers'
    // counts.
    const std::pair<const char*, bool> others[] = {
        {"truncate -s 65M", false}, {"cp /bin/sh", false}, {"rm", true}, {"mkfifo", true}, {"ln -sfn /dev/zero", true}};
    for (const auto& [command, told] : others) {
        ASSERT_TRUE(succeeds(sh(fmt::format("{} {}", command, own)))) << command;
        EXPECT_TRUE(succeeds(holmctl({"rebase", "--dry-run", machine, "second"}))) << command;
        EXPECT_EQ(report().empty(), !told) << command;
    }
    EXPECT_EQ(sh("find /var/lib/holm/layers -maxdepth 1 -name '.incoming-*'").out, "");
}

}  // namespace holm::test
