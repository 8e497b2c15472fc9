// Who may do what: root everything, others what polkit says; and what nobody may learn from being refused.
#include "harness.h"

namespace holm::test {
namespace {

using systemd::Options;
using systemd::Strings;

constexpr const char* denied = "org.holm1.Error.Denied";

class AuthorityTest : public BusTest {
protected:
    AuthorityTest() { define("holm-bus-web", "owner = \"alice\"\n[root]\npath = \"/srv/x\"\n"); }
    // Every method that is not free for all, called about one machine.
    std::map<std::string, Answer> call_all(const char* sender, const std::string& name)
    {
        const std::string text = "[root]\npath = \"/srv/x\"\n";
        std::map<std::string, Answer> answers;
        for (const char* member : {"StartMachine",     "StopMachine",
                                   "RestartMachine",   "RebootMachine",
                                   "TerminateMachine", "FreezeMachine",
                                   "ThawMachine",      "OpenMachinePTY",
                                   "OpenMachineLogin", "GetMachineOSRelease",
                                   "GetConsole",       "DescribeMachine",
                                   "ReadDefinition",   "RemoveMachine",
                                   "PlanMachine",      "PlanChanges",
                                   "ConfirmChanges",   "RevertChanges",
                                   "ContinueMachine",  "AbortMachine",
                                   "Freeze",           "Thaw"})
            answers[member] = call(sender, member, name);
        for (const char* member : {"CreateMachine", "WriteDefinition", "Verify", "PlanDefinition"})
            answers[member] = call(sender, member, name, text);
        for (const char* member : {"EnableMachine", "DisableMachine"}) answers[member] = call(sender, member, name, false);
        answers["ApplyChanges"] = call(sender, "ApplyChanges", name, uint64_t{0});
        answers["StartMachineHeld"] = call(sender, "StartMachineHeld", name, "network");
        answers["KillMachine"] = call(sender, "KillMachine", name, "all", int32_t{15});
        answers["AttachMachine"] = call(sender, "AttachMachine", name, uint32_t{24}, uint32_t{80});
        answers["RunMachine"] = call(sender, "RunMachine", name, text, Options{}, std::vector<Fd>());
        answers["Exec"] = call(sender, "Exec", name, Options{{"tty", true}}, Strings{"/bin/true"}, Strings{}, std::vector<Fd>());
        answers["OpenMachineShell"] = call(sender, "OpenMachineShell", name, "root", "", Strings{}, Strings{});
        answers["PrepareMachine"] = call(sender, "PrepareMachine", name);
        for (const char* member : {"CopyToMachine", "CopyFromMachine"}) answers[member] = call(sender, member, name, "/a", "/b");
        for (const char* member : {"CopyToMachineWithFlags", "CopyFromMachineWithFlags"})
            answers[member] = call(sender, member, name, "/a", "/b", uint64_t{1});
        auto pipe = make_pipe();
        answers["CopyStreamToMachine"] = call(sender, "CopyStreamToMachine", name, pipe->first, "/b", uint64_t{0});
        answers["CopyStreamFromMachine"] = call(sender, "CopyStreamFromMachine", name, "/a", pipe->second);
        answers["CopyBetweenMachines"] = call(sender, "CopyBetweenMachines", name, "/a", "other", "/b", uint64_t{0});
        answers["DebugMachine"] = call(sender, "DebugMachine", name, "/", Options{{"tty", true}}, Strings{}, std::vector<Fd>());
        answers["BindMountMachine"] = call(sender, "BindMountMachine", name, "/a", "/b", true, false);
        answers["UnbindMountMachine"] = call(sender, "UnbindMountMachine", name, "/b");
        return answers;
    }
};

TEST_F(AuthorityTest, NobodyElseMayDoAnything)
{
    for (auto& [member, answer] : call_all(alice, "holm-bus-web")) EXPECT_EQ(answer.error, denied) << member << ": " << answer.text;
    EXPECT_EQ(call(alice, "Reload").error, denied);
    EXPECT_EQ(holmd->reloads, 0U);
}

TEST_F(AuthorityTest, ARefusalIsTheSameWhetherTheMachineExistsOrNot)
{
    auto real = call_all(alice, "holm-bus-web"), absent = call_all(alice, "holm-bus-xyz");
    for (auto& [member, answer] : real) {
        EXPECT_EQ(answer.error, absent[member].error) << member;
        EXPECT_EQ(answer.text.size(), absent[member].text.size()) << member << ": " << answer.text << " / " << absent[member].text;
    }
}

// All machines of a slice are asked about, and a refusal does not tell which there are.
TEST_F(AuthorityTest, AGroupIsEachOfItsMachines)
{
    for (const char* name : {"holm-bus-a", "holm-bus-b"})
        define(name, "[root]\nlower = [\"/srv/x\"]\n[unit]\nslice = \"machine-bus.slice\"\n");
    for (const char* slice : {"bus", "nix"}) {
        const std::string text = fmt::format(
            "you are not allowed to 'snapshot' the machines of slice 'machine-{}.slice' (root may, and who "
            "has the polkit action org.holm1.manage)",
            slice);
        Answer answer = call(alice, "SnapshotGroup", slice, "x", Options{});
        EXPECT_EQ(answer.error, denied);
        EXPECT_EQ(answer.text, text);
        EXPECT_EQ(call(alice, "RollbackGroup", slice, "x").error, denied);
    }
    polkit = Polkit::Grants;
    calls.clear();
    Answer answer = call(alice, "RollbackGroup", "bus", "x");
    EXPECT_EQ(answer.error, "org.holm1.Error.NotFound") << answer.text;
    EXPECT_NE(answer.text.find("machine 'holm-bus-a': no snapshot 'x'"), answer.text.npos) << answer.text;
    std::vector<std::string> asked;
    for (const auto& one : calls)
        if (one.details.contains("machine")) asked.push_back(one.details.at("verb") + " " + one.details.at("machine"));
    EXPECT_EQ(asked, (std::vector<std::string>{"rollback holm-bus-a", "rollback holm-bus-b"}));
    EXPECT_NE(call(root, "SnapshotGroup", "nix", "x", Options{}).text.find("no machine is in slice 'machine-nix.slice'"),
              std::string::npos);
    EXPECT_EQ(call(root, "SnapshotGroup", "bus", "no/tag", Options{}).error, "org.holm1.Error.Invalid");
    EXPECT_EQ(call(root, "SnapshotGroup", "bus", "x", Options{{"at-next-start", true}}).error, "org.holm1.Error.Invalid");
}

TEST_F(AuthorityTest, WithoutPolkitOnlyRootMay)
{
    polkit = Polkit::IsAbsent;
    EXPECT_EQ(call(alice, "StopMachine", "holm-bus-web").error, denied);
    EXPECT_TRUE(call(root, "StopMachine", "holm-bus-web").ok());
}

TEST_F(AuthorityTest, RootIsNotAskedAbout)
{
    EXPECT_TRUE(call(root, "Reload").ok());
    EXPECT_EQ(holmd->reloads, 1U);
    EXPECT_FALSE(heard("org.holm1.manage"));
}

TEST_F(AuthorityTest, PolkitIsToldMachineVerbUserAndOwner)
{
    polkit = Polkit::Grants;
    call(alice, "OpenMachineShell", "holm-bus-web", "bob", "", Strings{}, Strings{});
    ASSERT_TRUE(heard("org.holm1.shell"));
    const std::map<std::string, std::string> wanted{{"machine", "holm-bus-web"}, {"verb", "shell"}, {"user", "bob"}, {"owner", "alice"}};
    EXPECT_EQ(calls.back().details, wanted);
}

// Root of a machine without a range of its own is root of the host: no shell there for its owner.
TEST_F(AuthorityTest, AWayIntoAMachineWithoutARangeIsTheAdministrators)
{
    polkit = Polkit::Grants;
    for (const char* users : {"host", "identity"}) {
        define("holm-bus-host", fmt::format("owner = \"alice\"\n[root]\npath = \"/srv/x\"\n[security]\nusers = \"{}\"\n", users));
        for (const char* member : {"OpenMachinePTY", "OpenMachineLogin"}) {
            calls.clear();
            call(alice, member, "holm-bus-host");
            EXPECT_TRUE(heard("org.holm1.manage")) << member;
            EXPECT_FALSE(heard("org.holm1.shell") || heard("org.holm1.login")) << member;
        }
        calls.clear();
        call(alice, "Exec", "holm-bus-host", Options{{"tty", true}}, Strings{"/bin/true"}, Strings{}, std::vector<Fd>());
        EXPECT_TRUE(heard("org.holm1.manage"));
        calls.clear();
        EXPECT_TRUE(call(alice, "StopMachine", "holm-bus-host").ok());
        EXPECT_TRUE(heard("org.holm1.start-stop"));
    }
}

TEST_F(AuthorityTest, WhomPolkitGrantsMay)
{
    polkit = Polkit::Grants;
    EXPECT_TRUE(call(alice, "StopMachine", "holm-bus-web").ok());
    // A plan is its own service's alone: no rule gives it to anybody.
    EXPECT_EQ(call(alice, "PrepareMachine", "holm-bus-web").error, denied);
    EXPECT_EQ(call(root, "PrepareMachine", "holm-bus-web").error, denied);
}

TEST_F(AuthorityTest, ProtectionHoldsForRootToo)
{
    define("holm-bus-safe", "protect = [\"start\", \"stop\", \"remove\"]\n[root]\npath = \"/srv/x\"\n");
    for (const char* member : {"StartMachine", "StopMachine", "RemoveMachine"}) {
        Answer answer = call(root, member, "holm-bus-safe");
        EXPECT_EQ(answer.error, denied) << member;
        EXPECT_NE(answer.text.find("holm-bus-safe.toml:1:1"), std::string::npos) << answer.text;
    }
}

TEST_F(AuthorityTest, NamesAndStatesAreFree)
{
    Answer all = call(alice, "ListAll");
    ASSERT_TRUE(all.ok()) << all.text;
    EXPECT_TRUE(call(alice, "ListMachines").ok());
    EXPECT_TRUE(call(alice, "GetMachine", "holm-bus-web").ok());
    EXPECT_TRUE(calls.empty() || !heard("org.holm1.inspect"));
    Answer state = wait_for(
        send(alice, "/org/holm1/machine/holm_2dbus_2dweb", "org.freedesktop.DBus.Properties", "Get", api::machine_interface, "State"));
    ASSERT_TRUE(state.ok()) << state.text;
    EXPECT_EQ(std::get<std::string>(state.read<systemd::Variant>()), "stopped");
}

}  // namespace
}  // namespace holm::test
