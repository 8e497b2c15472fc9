#include "launch/identity_file.h"

#include <gtest/gtest.h>

namespace holm::launch {
namespace {

TEST(IdentityFile, ThereAndBack)
{
    Identity identity{"00112233445546778899aabbccddeeff", {machine::IdMapping::Range, 1878982656, 65536}};
    auto read = parse_identity(describe_identity(identity), "identity.toml");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, identity);
}

TEST(IdentityFile, Refusals)
{
    for (const char* text : {"", "uuid = 'x'", "uuid = '00112233445546778899aabbccddeeff'\ncolour = 1",
                             "uuid = '00112233445546778899aabbccddeeff'\n[ids]\nbase = 5\ncount = 65536",
                             "uuid = '00112233445546778899aabbccddeeff'\n[ids]\nbase = -1\ncount = 65536",
                             "uuid = '00112233445546778899aabbccddeeff'\n[ids]\nbase = 524288\ncount = 4294967295"})
        EXPECT_FALSE(parse_identity(text, "f")) << text;
}

}  // namespace
}  // namespace holm::launch
