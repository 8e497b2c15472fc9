#include "cli/escape.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

using namespace std::chrono_literals;

constexpr Escape::Time start{};

TEST(Escape, ThreeKeysWithinASecond)
{
    Escape escape;
    EXPECT_FALSE(escape.complete("\x1d", start));
    EXPECT_FALSE(escape.complete("\x1d", start + 400ms));
    EXPECT_TRUE(escape.complete("\x1d", start + 900ms));
}

TEST(Escape, ThreeAtOnce)
{
    EXPECT_TRUE(Escape().complete("\x1d\x1d\x1d", start));
}

TEST(Escape, TooSlow)
{
    Escape escape;
    EXPECT_FALSE(escape.complete("\x1d", start));
    EXPECT_FALSE(escape.complete("\x1d", start + 600ms));
    EXPECT_FALSE(escape.complete("\x1d", start + 1100ms));
    EXPECT_FALSE(escape.complete("\x1d", start + 1200ms));
    EXPECT_TRUE(escape.complete("\x1d", start + 1300ms));
}

TEST(Escape, AnotherKeyBetween)
{
    Escape escape;
    EXPECT_FALSE(escape.complete("\x1d\x1d", start));
    EXPECT_FALSE(escape.complete("x", start));
    EXPECT_FALSE(escape.complete("\x1d", start));
}

// 10 MB of random bytes hold three of them in a row more often than not.
TEST(Escape, DataIsNoEscape)
{
    Escape escape;
    EXPECT_FALSE(escape.complete("a\x1d\x1d\x1d", start));
    EXPECT_FALSE(
        escape.complete("\x1d\x1d\x1d"
                        "b",
                        start));
    EXPECT_FALSE(escape.complete(std::string(4096, '\x1d'), start));
    EXPECT_FALSE(escape.complete("", start));
}

}  // namespace
}  // namespace holm::cli
