// What the fuzzers have found worth keeping, once more: every file of the corpora, through its target.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "../../fuzz/targets.h"

namespace holm::fuzz {
namespace {

void replay(const char* corpus, void (*target)(std::string_view))
{
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(CORPUS "/") + corpus)) {
        SCOPED_TRACE(entry.path().string());
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        target(bytes);
        ++files;
    }
    EXPECT_GE(files, 3U) << corpus;
}

TEST(Corpus, OfTar)
{
    replay("tar", tar);
}

TEST(Corpus, OfOciJson)
{
    replay("oci_json", oci_json);
}

TEST(Corpus, OfRpmHeader)
{
    replay("rpm_header", rpm_header);
}

TEST(Corpus, OfManifest)
{
    replay("manifest", manifest);
}

TEST(Corpus, OfDefinition)
{
    replay("definition", definition);
}

TEST(Corpus, OfPlanFile)
{
    replay("plan_file", plan_file);
}

TEST(Corpus, OfWords)
{
    replay("words", words);
}

TEST(Corpus, OfUsers)
{
    replay("users", users);
}

TEST(Corpus, OfNetlink)
{
    replay("netlink", netlink);
}

}  // namespace
}  // namespace holm::fuzz
