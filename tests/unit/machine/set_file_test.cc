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

TEST(SetFile, WhatIsSaidInVainIsFound)
{
    const Source own{"web.toml", "description = \"a\"\n[resources]\nMemoryMax = \"256M\"\nTasksMax = 7\n[[network]]\nnetwork = \"lan\"\n"};
    auto found = [&](const std::string& set) { return *find_overridden(std::span(&own, 1), {"90-set.toml", set}); };
    EXPECT_EQ(found(""), std::vector<Overridden>());
    EXPECT_EQ(found("[resources]\nTasksMax = 7\nCPUWeight = 50\n"), std::vector<Overridden>()) << "the same, and what nobody else says";
    EXPECT_EQ(found("# kept\n[resources]\nMemoryMax = \"512M\"\n"),
              (std::vector<Overridden>{{"resources.MemoryMax", "256M (web.toml:3)", "512M (90-set.toml:3)"}}));
    EXPECT_EQ(found("[[network]]\nnetwork = \"dmz\"\n"), std::vector<Overridden>()) << "one more";
    EXPECT_EQ(found("network = [{ network = \"dmz\" }]\n"), (std::vector<Overridden>{{"network", "web.toml:5", "90-set.toml:1"}}));
    EXPECT_FALSE(find_overridden(std::span(&own, 1), {"90-set.toml", "[x"}));
}

std::vector<NetworkSpec> networks(const std::string& text)
{
    const Source source{"a", text};
    auto read = networks_of({&source, 1});
    EXPECT_TRUE(read) << read.error().text;
    return read ? *read : std::vector<NetworkSpec>();
}

std::string networks_after(const std::string& before, const std::string& below, const std::string& wanted)
{
    auto set = set_networks({"90-set.toml", before}, networks(below), networks(wanted));
    EXPECT_TRUE(set) << set.error().text;
    // Whatever form it has, laid over what is below it is what was wanted.
    const Source both[] = {{"web.toml", below}, {"90-set.toml", set ? *set : ""}};
    auto read = networks_of(both);
    EXPECT_TRUE(read) << read.error().text;
    EXPECT_TRUE(read && *read == networks(wanted)) << *set;
    return set ? *set : "";
}

TEST(SetFile, NetworksAreAddedOrReplaced)
{
    const std::string one = "[[network]]\nnetwork = \"holm0\"\n", two = "[[network]]\nnetwork = \"lan\"\npublish = [\"80:80\"]\n";
    EXPECT_EQ(networks_after("", one, one + two), "\n" + two);
    EXPECT_EQ(networks_after("", one + two, one), "network = [{ network = \"holm0\" }]\n");
    EXPECT_EQ(networks_after("[[network]]\nnetwork = \"x\"\n[resources]\nTasksMax = 7\n", one, one), "\n[resources]\nTasksMax = 7\n");
    EXPECT_EQ(networks_after("network = [{ network = \"x\" }]\n", one, one), "");
    EXPECT_EQ(networks_after("", "", one), "\n" + one);
}

}  // namespace
}  // namespace holm::machine
