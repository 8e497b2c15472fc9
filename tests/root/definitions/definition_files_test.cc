#include "kernel/definition_files.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace holm::kernel {
namespace {

class DefinitionFiles : public testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/holm-definitions-XXXXXX";
        folder_ = ::mkdtemp(name);
        places_.prefix = folder_;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& path, const std::string& text)
    {
        std::filesystem::create_directories(std::filesystem::path(folder_ + path).parent_path());
        std::ofstream(folder_ + path) << text;
    }
    std::string failure(std::string_view machine)
    {
        auto definition = read_definition(*machine::parse_name(machine), places_);
        return definition ? "" : definition.error().text;
    }

    const machine::MachineName web_ = *machine::parse_name("web");
    std::string folder_;
    Places places_;
};

TEST_F(DefinitionFiles, EtcWinsOverVendor)
{
    write("/usr/lib/holm/machines/web.toml", "root.path = \"/vendor\"");
    EXPECT_EQ(read_definition(web_, places_)->spec.root.path, "/vendor");
    EXPECT_EQ(*find_definition(web_, places_), folder_ + "/usr/lib/holm/machines/web.toml");
    write("/etc/holm/machines/web.toml", "root.path = \"/etc\"");
    EXPECT_EQ(read_definition(web_, places_)->spec.root.path, "/etc");
    EXPECT_EQ(*find_definition(web_, places_), folder_ + "/etc/holm/machines/web.toml");
}

TEST_F(DefinitionFiles, DropInsMergeByNameAndMaskEachOther)
{
    write("/etc/holm/machines/web.toml", "root.path = \"/a\"\ndescription = \"0\"");
    write("/usr/lib/holm/machines/web.toml.d/10-a.toml", "description = \"1\"\nowner = \"vendor\"");
    write("/usr/lib/holm/machines/web.toml.d/20-b.toml", "description = \"2\"\n[payload]\nuser = \"vendor\"");
    write("/etc/holm/machines/web.toml.d/20-b.toml", "description = \"3\"");
    write("/etc/holm/machines/web.toml.d/15-c.toml", "owner = \"alice\"");
    write("/etc/holm/machines/web.toml.d/99-x.toml~", "no TOML");
    write("/etc/holm/machines/web.toml.d/.30.toml", "no TOML");
    auto definition = read_definition(web_, places_);
    ASSERT_TRUE(definition) << definition.error().text;
    EXPECT_EQ(definition->spec.description, "3");
    EXPECT_EQ(definition->spec.owner, "alice");
    EXPECT_EQ(definition->spec.payload.user, "root");
    EXPECT_EQ(definition->sources.size(), 4u);
    EXPECT_EQ(machine::describe_origin(definition->spec, "owner"), " (" + folder_ + "/etc/holm/machines/web.toml.d/15-c.toml:1:1)");
}

TEST_F(DefinitionFiles, ProfilesComeFirst)
{
    write("/etc/holm/machines/web.toml", "profiles = [\"small\", \"quiet\"]\nroot.path = \"/a\"\nowner = \"own\"");
    write("/usr/lib/holm/profiles/small.toml", "owner = \"small\"\n[resources]\nTasksMax = 1\nMemoryMax = \"1G\"");
    write("/etc/holm/profiles/quiet.toml", "[resources]\nTasksMax = 2");
    write("/etc/holm/profiles/base.toml", "[resources]\nTasksMax = 3\nCPUWeight = 5");
    places_.default_profile = "base";
    auto definition = read_definition(web_, places_);
    ASSERT_TRUE(definition) << definition.error().text;
    EXPECT_EQ(definition->spec.owner, "own");
    EXPECT_EQ(definition->spec.profiles, (std::vector<std::string>{"small", "quiet"}));
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(definition->spec.resources, (Pairs{{"TasksMax", "2"}, {"CPUWeight", "5"}, {"MemoryMax", "1G"}}));
}

TEST_F(DefinitionFiles, WhatIsMissingIsNamed)
{
    write("/etc/holm/machines/web.toml", "profiles = [\"smal\"]\nroot.path = \"/a\"");
    write("/etc/holm/profiles/small.toml", "profiles = [\"web\"]");
    EXPECT_EQ(failure("web"), "there is no profile 'smal' (did you mean 'small'?), which " + folder_ +
                                  "/etc/holm/machines/web.toml names; looked in " + folder_ + "/etc/holm/profiles and " + folder_ +
                                  "/usr/lib/holm/profiles");
    EXPECT_EQ(failure("wen"), "machine 'wen' has no definition (did you mean 'web'?); looked in " + folder_ + "/etc/holm/machines and " +
                                  folder_ + "/usr/lib/holm/machines");
    EXPECT_EQ(read_definition(*machine::parse_name("wen"), places_).error().code, Errc::NotFound);
    write("/etc/holm/machines/web.toml", "profiles = [\"small\"]\nroot.path = \"/a\"");
    EXPECT_EQ(failure("web"),
              "profile '" + folder_ + "/etc/holm/profiles/small.toml' names profiles itself; only a machine's definition can");
}

TEST_F(DefinitionFiles, OnlyRegularFilesAreRead)
{
    std::filesystem::create_directories(folder_ + "/etc/holm/machines/dir.toml");
    ASSERT_EQ(::mkfifo((folder_ + "/etc/holm/machines/fifo.toml").c_str(), 0600), 0);
    std::filesystem::create_symlink("/dev/zero", folder_ + "/etc/holm/machines/zero.toml");
    write("/etc/holm/machines/large.toml", std::string(machine::toml_size_limit + 1, '#'));
    EXPECT_EQ(failure("fifo"), "'" + folder_ + "/etc/holm/machines/fifo.toml' is not a regular file");
    EXPECT_EQ(failure("zero"), "'" + folder_ + "/etc/holm/machines/zero.toml' is not a regular file");
    EXPECT_EQ(failure("dir"), "'" + folder_ + "/etc/holm/machines/dir.toml' is not a regular file");
    EXPECT_NE(failure("large"), "");
}

TEST_F(DefinitionFiles, ListsValidNamesOnce)
{
    EXPECT_TRUE(list_definitions(places_)->empty());
    for (const char* name : {"b.toml", "a.b.toml", "a_b.toml", "-x.toml", ".toml", "web.toml.d/x.toml", "readme"})
        write(std::string("/etc/holm/machines/") + name, "");
    write("/usr/lib/holm/machines/b.toml", "");
    write("/usr/lib/holm/machines/c.toml", "");
    std::vector<std::string> names;
    const auto listed = list_definitions(places_);
    ASSERT_TRUE(listed);
    for (const auto& name : *listed) names.push_back(name.text());
    EXPECT_EQ(names, (std::vector<std::string>{"a.b", "b", "c"}));
}

TEST_F(DefinitionFiles, SettingsOfBothFolders)
{
    EXPECT_EQ(*read_settings(places_), machine::Settings{});
    write("/usr/lib/holm/holm.toml", "[daemon]\nlog_level = \"debug\"\n[defaults]\nprofile = \"a\"");
    write("/etc/holm/holm.toml", "[defaults]\nprofile = \"b\"");
    auto settings = read_settings(places_);
    ASSERT_TRUE(settings) << settings.error().text;
    EXPECT_EQ(settings->log_level, LogLevel::Debug);
    EXPECT_EQ(settings->defaults.profile, "b");
}

TEST_F(DefinitionFiles, ASentTextFindsItsProfiles)
{
    write("/etc/holm/profiles/small.toml", "owner = \"small\"");
    auto sources = with_profiles({{"", "profiles = [\"small\"]\nroot.path = \"/a\""}}, places_);
    ASSERT_TRUE(sources) << sources.error().text;
    EXPECT_EQ(machine::parse_spec(web_, *sources)->owner, "small");
    EXPECT_EQ(with_profiles({{"", "profiles = [\"none\"]"}}, places_).error().code, Errc::NotFound);
}

}  // namespace
}  // namespace holm::kernel
