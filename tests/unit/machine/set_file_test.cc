#include "machine/set_file.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using Assignments = std::vector<std::pair<std::string, std::string>>;

std::string after(const std::string& text, const Assignments& assignments)
{
    auto set = set_resources({"90-set.toml", text}, assignments);
    return set ? *set : set.error().text;
}

TEST(SetFile, PropertiesAreReplacedListedAndTakenOut)
{
    EXPECT_EQ(after("", {{"MemoryMax", "1G"}}), "\n[resources]\nMemoryMax = \"1G\"\n");
    EXPECT_EQ(after("[resources]\nMemoryMax = \"1G\"\nTasksMax = 7\n", {{"MemoryMax", "2G"}}),
              "\n[resources]\nTasksMax = 7\nMemoryMax = \"2G\"\n");
    EXPECT_EQ(after("[resources]\nIPAddressDeny = [\"any\"]\n", {{"IPAddressDeny", "::1"}, {"IPAddressDeny", "10.0.0.1"}}),
              "\n[resources]\nIPAddressDeny = [\"::1\", \"10.0.0.1\"]\n");
    EXPECT_EQ(after("[resources]\nTasksMax = 7\n", {{"TasksMax", ""}}), "");
}

TEST(SetFile, TheRestStays)
{
    const std::string text =
        "description = \"a \\\"b\\\"\"\n\n[root]\npath = \"/srv\"\n\n[payload]\ncommand = [\"/bin/x\", \"-v\"]\n\n"
        "[payload.environment]\nA = \"b\"\n\n[[mount]]\ntarget = \"/a\"\ntype = \"tmpfs\"\n\n[[mount]]\n"
        "target = \"/b\"\ntype = \"tmpfs\"\nread_only = true\n";
    EXPECT_EQ(after(text, {{"TasksMax", "7"}}), text + "\n[resources]\nTasksMax = \"7\"\n");
}

TEST(SetFile, ATextThatIsNoTomlIsLeftAlone)
{
    EXPECT_FALSE(set_resources({"90-set.toml", "[resources\n"}, Assignments{{"TasksMax", "7"}}));
}

}  // namespace
}  // namespace holm::machine
