// Bad input: each gets an error with a sentence, and holmd goes on.
#include <fcntl.h>

#include "api/limits.h"
#include "harness.h"

namespace holm::test {
namespace {

using systemd::Options;
using systemd::Strings;

constexpr const char* invalid = "org.holm1.Error.Invalid";
constexpr const char* not_found = "org.holm1.Error.NotFound";

class InputTest : public BusTest {
protected:
    Answer exec(const Options& options, const Strings& command, const Strings& environment = {}, size_t fds = 0)
    {
        std::vector<Fd> descriptors;
        for (size_t i = 0; i < fds; ++i) descriptors.push_back(*open_file("/dev/null", O_RDWR));
        return call(root, "Exec", "holm-bus-web", options, command, environment, descriptors);
    }
    Answer run(const std::string& name, const std::string& text, const Options& options = {})
    {
        return call(root, "RunMachine", name, text, options, std::vector<Fd>());
    }
    static constexpr const char* good = "[root]\npath = \"/srv/x\"\n";
};

TEST_F(InputTest, BadNamesAreRefusedEverywhere)
{
    const std::string names[] = {".",    "..",   ".host", "host", "-a",     "a-",  "a/b",  " a",        "a ",
                                 "a\nb", "a_b",  "a..b",  "a.",   "\u00e4", "%s",  "a;b",  "a\\x2d",    std::string(65, 'a'),
                                 "../x", "/etc", "a@b",   "$(x)", "*",      "a:b", "a.-b", "\U0001f600"};
    for (const std::string& name : names) {
        for (const char* member : {"GetMachine", "StartMachine", "StopMachine", "RemoveMachine", "PrepareMachine", "GetMachineAddresses"}) {
            Answer answer = call(root, member, name);
            EXPECT_EQ(answer.error, invalid) << member << " " << name;
            EXPECT_FALSE(answer.text.empty());
        }
        EXPECT_EQ(run(name, good).error, invalid) << name;
    }
    EXPECT_EQ(call(root, "StartMachine", "").error, invalid);
}

TEST_F(InputTest, WrongSignaturesAreRefused)
{
    EXPECT_EQ(call(root, "StartMachine", uint32_t{1}).error, "org.freedesktop.DBus.Error.InvalidArgs");
    EXPECT_EQ(call(root, "StartMachine").error, "org.freedesktop.DBus.Error.InvalidArgs");
    EXPECT_EQ(call(root, "StartMachine", "a", "b").error, "org.freedesktop.DBus.Error.InvalidArgs");
    EXPECT_EQ(call(root, "RunMachine", "a", "b").error, "org.freedesktop.DBus.Error.InvalidArgs");
    EXPECT_EQ(call(root, "NoSuchMethod").error, "org.freedesktop.DBus.Error.UnknownMethod");
    EXPECT_TRUE(call(root, "ListMachines").ok());
}

TEST_F(InputTest, UnknownMachinesAreNotFoundAndTheNearestIsNamed)
{
    define("holm-bus-web", good);
    Answer answer = call(root, "GetMachine", "holm-bus-wbe");
    EXPECT_EQ(answer.error, not_found);
    EXPECT_EQ(answer.text, "no machine 'holm-bus-wbe' (did you mean 'holm-bus-web'?)");
    for (const char* member :
         {"StopMachine", "TerminateMachine", "RebootMachine", "RemoveMachine", "GetMachineOSRelease", "ReadDefinition"})
        EXPECT_EQ(call(root, member, "holm-bus-wbe").error, not_found) << member;
    EXPECT_EQ(call(root, "GetMachineByPID", uint32_t{1}).error, not_found);
    EXPECT_EQ(call(root, "GetMachineByPID", UINT32_MAX).error, not_found);
}

TEST_F(InputTest, WhatDoesNotRunCannotBeAsked)
{
    define("holm-bus-web", good);
    for (const char* member : {"RebootMachine", "TerminateMachine", "FreezeMachine", "GetConsole", "GetMachineOSRelease", "OpenMachinePTY"})
        EXPECT_EQ(call(root, member, "holm-bus-web").error, "org.holm1.Error.Busy") << member;
}

TEST_F(InputTest, OptionsAreStrict)
{
    EXPECT_EQ(run("holm-bus-a", good, {{"remov", true}}).text, "unknown option 'remov' (did you mean 'remove'?)");
    EXPECT_EQ(run("holm-bus-a", good, {{"remove", "yes"}}).text, "option 'remove' is not of type 'b'");
    EXPECT_EQ(run("holm-bus-a", good, {{"console", "serial"}}).error, invalid);
    EXPECT_EQ(run("holm-bus-a", good, {{"console", "pipes"}}).error, invalid);  // without descriptors
    EXPECT_EQ(run("holm-bus-a", good, {{"rows", uint32_t{100000}}}).error, invalid);
    EXPECT_EQ(exec({{"tyt", true}}, {"/bin/true"}).error, invalid);
    EXPECT_EQ(exec({{"tty", true}, {"detach", true}}, {"/bin/true"}).error, invalid);
}

TEST_F(InputTest, OptionsOfStrangeTypesAreRefused)
{
    auto message = new_call(root, api::root_path, api::manager_interface, "RunMachine");
    ASSERT_GE(sd_bus_message_append(message.get(), "ssa{sv}ah", "holm-bus-a", good, 1, "remove", "v", "v", "v", "a(ii)", 1, 1, 2, 0), 0);
    Answer answer = wait_for(send(std::move(message)));
    EXPECT_EQ(answer.error, invalid) << answer.text;
    EXPECT_TRUE(call(root, "ListMachines").ok());
}

TEST_F(InputTest, AnOptionThatStandsTwiceIsRefused)
{
    auto message = new_call(root, api::root_path, api::manager_interface, "RunMachine");
    ASSERT_GE(sd_bus_message_append(message.get(), "ssa{sv}ah", "holm-bus-a", good, 2, "remove", "b", 1, "remove", "b", 0, 0), 0);
    Answer answer = wait_for(send(std::move(message)));
    EXPECT_EQ(answer.error, invalid) << answer.text;
}

TEST_F(InputTest, DescriptorsAreCounted)
{
    for (size_t count : {0U, 1U, 2U, 4U, 16U}) EXPECT_EQ(exec({}, {"/bin/true"}, {}, count).error, invalid) << count;
    EXPECT_EQ(exec({{"tty", true}}, {"/bin/true"}, {}, 3).error, invalid);
    EXPECT_EQ(exec({}, {"/bin/true"}, {}, 3).error, not_found);  // as they should be: only the machine is missing
}

TEST_F(InputTest, CommandsAndEnvironmentsHaveLimits)
{
    EXPECT_EQ(exec({{"tty", true}}, Strings(api::max_command_strings + 1, "x")).error, invalid);
    EXPECT_EQ(exec({{"tty", true}}, {std::string(api::max_command_bytes + 1, 'x')}).error, invalid);
    EXPECT_EQ(exec({{"tty", true}}, {""}).error, invalid);
    for (const char* variable : {"A", "=x", "", "*"})
        EXPECT_EQ(exec({{"tty", true}}, {"/bin/true"}, {variable}).error, invalid) << variable;
    EXPECT_EQ(call(root, "AttachMachine", "holm-bus-web", uint32_t{1}, UINT32_MAX).error, invalid);
}

TEST_F(InputTest, DefinitionsAreCheckedWhole)
{
    EXPECT_EQ(run("holm-bus-a", "[root]\npaht = \"/x\"\n").error, invalid);
    EXPECT_EQ(run("holm-bus-a", std::string(api::max_definition + 1, '#')).error, invalid);
    EXPECT_EQ(run("holm-bus-a", "profiles = [\"holm-bus-none\"]\n").error, not_found);
    EXPECT_EQ(run("", "").error, invalid);
    EXPECT_EQ(call(root, "Verify", "holm-bus-a", "[security]\nisolation = \"kata\"\nnesting = true\n[root]\npath = \"/x\"\n").error,
              "org.holm1.Error.NotSupported");
    EXPECT_TRUE(call(root, "Verify", "holm-bus-a", std::string(good)).ok());
    EXPECT_EQ(call(root, "CreateMachine", "holm-bus-a", "x = 1").error, invalid);
    EXPECT_EQ(call(root, "WriteDefinition", "holm-bus-a", good).error, not_found);
}

TEST_F(InputTest, WhatExistsIsNotMadeAgain)
{
    define("holm-bus-web", good);
    EXPECT_EQ(run("holm-bus-web", good).error, "org.holm1.Error.Exists");
    EXPECT_EQ(call(root, "CreateMachine", "holm-bus-web", good).error, "org.holm1.Error.Exists");
}

TEST_F(InputTest, ObjectsThatAreNoMachinesAreUnknown)
{
    for (const char* path :
         {"/org/holm1/machine/nosuch", "/org/holm1/machine/_2e_2e", "/org/holm1/machine/_", "/org/holm1/job/0", "/org/holm1/job/x"}) {
        Answer answer = wait_for(send(root, path, "org.freedesktop.DBus.Properties", "GetAll", api::machine_interface));
        EXPECT_FALSE(answer.ok()) << path;
    }
}

}  // namespace
}  // namespace holm::test
