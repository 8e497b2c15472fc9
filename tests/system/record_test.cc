// holmctl record: what is watched, what is printed of it, and that a machine runs with that alone.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host.h"

namespace holm::test {

class RecordTest : public SystemTest {
protected:
    static nlohmann::json record(const std::string& machine, std::vector<std::string> words, std::vector<std::string> options = {})
    {
        std::vector<std::string> call = {"--json=short", "record"};
        call.insert(call.end(), options.begin(), options.end());
        call.push_back(machine);
        if (!words.empty()) call.push_back("--");
        call.insert(call.end(), words.begin(), words.end());
        Outcome outcome = holmctl(call);
        EXPECT_TRUE(succeeds(outcome));
        return nlohmann::json::parse(outcome.out, nullptr, false);
    }
};

// The page's own question, and its answer: with this profile python3 starts, with one call less it does not.
TEST_F(RecordTest, WhatIsPrintedIsEnoughAndAllOfItIsNeeded)
{
    std::string machine = boot(), fewer = name(), enough = name();
    Outcome outcome = holmctl({"record", machine, "--", "perl", "-e", "mkdir '/tmp/made' or die"});
    ASSERT_TRUE(succeeds(outcome));
    EXPECT_TRUE(has(outcome.out, "# 'perl', exit status 0: "));
    EXPECT_TRUE(has(outcome.out, "deny = [\"@all\"]"));
    EXPECT_TRUE(has(outcome.out, "\"mkdir\""));
    EXPECT_FALSE(has(outcome.out, "\"rmdir\"")) << "which it did not call";
    const std::string definition = fmt::format(
        "[root]\nlower = [\"{}\"]\nmode = \"ephemeral\"\n[payload]\ncommand = [\"perl\", \"-e\", "
        "\"mkdir '/tmp/made' or die\"]\n",
        guest());
    std::string profile = outcome.out;
    auto run_with = [&](const std::string& which, const std::string& tables) {
        write_file(folder() + "/" + which + ".toml", definition + tables);
        return holmctl({"run", "--rm", "--name=" + which, "--file=" + folder() + "/" + which + ".toml"});
    };
    EXPECT_TRUE(succeeds(run_with(enough, profile)));
    const size_t at = profile.find("\"mkdir\",");
    ASSERT_NE(at, profile.npos);
    EXPECT_NE(run_with(fewer, profile.erase(at, 8)).code, 0);
}

TEST_F(RecordTest, CountsCallsOfAllThatTheCommandMakes)
{
    std::string machine = background();
    auto seen = record(
        machine, {"/bin/sh", "-c", "for i in 1 2 3; do mkdir /tmp/$i; (sleep 0.01; rmdir /tmp/$i); done; mount -t tmpfs t /tmp; exit 0"});
    ASSERT_TRUE(seen.is_object());
    EXPECT_EQ(seen["calls"].value("mkdir", 0), 3);
    EXPECT_EQ(seen["calls"].value("rmdir", 0), 3) << "of a child";
    EXPECT_GE(seen["processes"].get<int>(), 4);
    EXPECT_EQ(seen["foreign"], 0);
    EXPECT_TRUE(seen["calls"].contains("execve"));
    EXPECT_FALSE(seen["calls"].contains("setns")) << "what holm does before is none of it";
    EXPECT_FALSE(seen["calls"].contains("unshare"));
    const auto& refused = seen["refused"];
    EXPECT_NE(std::find(refused.begin(), refused.end(), "mount"), refused.end()) << seen.dump();
}

// What runs already: for a time, and then it goes on as before.
TEST_F(RecordTest, WatchesAMachineThatRuns)
{
    std::string machine = background("while :; do mkdir /tmp/x; rmdir /tmp/x; sleep 0.05; done");
    auto seen = record(machine, {}, {"--for=1s"});
    ASSERT_TRUE(seen.is_object());
    EXPECT_GE(seen["calls"].value("mkdir", 0), 2) << seen.dump();
    EXPECT_EQ(status_line(leader_of(machine), "TracerPid"), "0");
    EXPECT_EQ(state_of(machine), "running");
    EXPECT_TRUE(succeeds(inside(machine, "true")));
}

TEST_F(RecordTest, FindsTheCapabilitiesThatACommandNeeds)
{
    std::string machine = background();
    EXPECT_EQ(record(machine, {"/bin/true"}, {"--capabilities"})["capabilities"], nlohmann::json::array());
    ASSERT_TRUE(succeeds(inside(machine, "echo x >/tmp/file && mkdir /tmp/locked && chmod 000 /tmp/locked")));
    EXPECT_EQ(record(machine, {"/bin/chown", "7:7", "/tmp/file"}, {"--capabilities"})["capabilities"],
              nlohmann::json::array({"CAP_CHOWN"}));
    EXPECT_TRUE(refuses(holmctl({"record", "--capabilities", machine}), 1, "name one"));
}

TEST_F(RecordTest, TheCommandsOutputIsNotTheProfile)
{
    std::string machine = background();
    Outcome outcome = holmctl({"record", machine, "--", "/bin/sh", "-c", "echo said; exit 3"});
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_TRUE(has(outcome.err, "said"));
    EXPECT_FALSE(has(outcome.out, "said"));
    EXPECT_TRUE(has(outcome.out, "exit status 3"));
    EXPECT_TRUE(refuses(holmctl({"record", machine, "--", "/no/such"}), 1, "/no/such"));
    EXPECT_TRUE(refuses(holmctl({"record", "no-such-machine"}), 1, "no-such-machine"));
    EXPECT_FALSE(
        succeeds(run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "holmctl", "record", machine, "--", "/bin/true"})));
}

}  // namespace holm::test
