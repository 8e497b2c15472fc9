// Calls of every method with arguments of the right types and any values, by somebody who may nothing: each is answered by an error of
// ours, what is for everybody excepted, and the next call is answered too.
#include <set>

#include "base/text.h"
#include "harness.h"
#include "values.h"

namespace holm::test {
namespace {

// Those that anybody may call: "WHO MAY WHAT" of org.holm1(5).
const std::set<std::string> free_for_all = {"GetMachine", "GetMachineByPID", "GetMachineAddresses", "ListMachines", "ListAll",
                                            "ListImages", "GetImage",        "ListNetworks"};

class TypedTest : public BusTest {
protected:
    TypedTest() { define("holm-bus-web", "owner = \"bob\"\n[root]\npath = \"/srv/x\"\n"); }
    std::vector<Method> methods()
    {
        return methods_of(wait_for(send(root, api::root_path, "org.freedesktop.DBus.Introspectable", "Introspect")).read<std::string>(),
                          api::manager_interface);
    }
};

TEST_F(TypedTest, NobodyGetsAnythingOfAnyMethod)
{
    const auto all = methods();
    ASSERT_GT(all.size(), 70U);
    Values values(4711, {"",
                         "holm-bus-web",
                         "holm-bus-xyz",
                         ".",
                         "..",
                         ".host",
                         "a_b",
                         "-a",
                         "/",
                         "/a/../b",
                         "a\nb",
                         "%s%n",
                         "\x01\x02",
                         "org.holm1",
                         "[root]\npath = \"/\"\n",
                         "[root",
                         "\"",
                         "{}",
                         ";",
                         "root",
                         "4294967296",
                         "-1",
                         "infinity",
                         "tcp:80",
                         "8080:80",
                         "sha256:../../x"});
    for (int round = 0; round < 60; ++round)
        for (const auto& [name, signature] : all) {
            auto message = new_call(alice, api::root_path, api::manager_interface, name.c_str());
            values.fill(message.get(), signature);
            Answer answer = wait_for(send(std::move(message)));
            ASSERT_TRUE(answer.come) << name << " was not answered";
            if (!free_for_all.contains(name)) {
                ASSERT_FALSE(answer.error.empty()) << name;
            }
            if (!answer.error.empty()) {
                ASSERT_TRUE(answer.error.starts_with("org.holm1.Error.") || answer.error.starts_with("org.freedesktop.DBus.Error."))
                    << name << ": " << answer.error;
                ASSERT_NE(answer.error, "org.freedesktop.DBus.Error.NoReply") << name;
                ASSERT_FALSE(answer.text.empty()) << name;
            }
        }
    EXPECT_TRUE(call(alice, "ListAll").ok());
    EXPECT_TRUE(calls.empty() || !heard("StartUnit")) << "something was started";
}

}  // namespace
}  // namespace holm::test
