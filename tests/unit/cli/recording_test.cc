// What was recorded, as a profile: calls by name, what was refused, capabilities that are not needed.
#include "cli/recording.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

std::string name_of(int number)
{
    return number == 0 ? "read" : number == 1 ? "write" : "call" + std::to_string(number);
}

constexpr const char* report = "processes 2\nforeign 0\ncapability CAP_CHOWN\ncapability CAP_KILL\ncall 0 12\ncall 1 3\nrefused 1\n";

TEST(Recording, IsReadByLines)
{
    const Recording recording = *parse_recording(report, name_of);
    EXPECT_EQ(recording.processes, 2u);
    EXPECT_EQ(recording.total(), 15u);
    EXPECT_EQ(recording.calls, (std::map<std::string, uint64_t>{{"read", 12}, {"write", 3}}));
    EXPECT_EQ(recording.refused, std::set<std::string>{"write"});
}

TEST(Recording, SaysWhatTheOtherSideSays)
{
    EXPECT_EQ(parse_recording("error cannot watch process 7\n", name_of).error().text, "cannot watch process 7");
    for (const char* broken :
         {"", "call 0 1\n", "processes\n", "processes 1\ncall x 1\n", "processes 1\ncall 0\n", "processes 1\nwhat 1\n"})
        EXPECT_FALSE(parse_recording(broken, name_of)) << broken;
}

TEST(Recording, BecomesTablesOfADefinition)
{
    const Recording recording = *parse_recording(report, name_of);
    EXPECT_EQ(describe_profile(recording, "'app', exit status 0", std::nullopt),
              "# 'app', exit status 0: 2 system calls, made 15 times by 2 processes\n# answered EPERM: write\n"
              "# which capabilities it needs was not tried: --capabilities\n"
              "[security.syscalls]\ndeny = [\"@all\"]\nallow = [\n    \"read\", \"write\",\n]\n");
    EXPECT_EQ(describe_profile(recording, "'app'", std::vector<std::string>{"CAP_KILL"}),
              "# 'app': 2 system calls, made 15 times by 2 processes\n# answered EPERM: write\n# needs CAP_KILL\n"
              "[security.capabilities]\ndrop = [\n    \"CAP_CHOWN\",\n]\n"
              "[security.syscalls]\ndeny = [\"@all\"]\nallow = [\n    \"read\", \"write\",\n]\n");
}

}  // namespace
}  // namespace holm::cli
