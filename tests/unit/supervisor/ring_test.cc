#include "supervisor/ring.h"

#include <gtest/gtest.h>

namespace holm::supervisor {
namespace {

TEST(Ring, KeepsAllWhileThereIsRoom)
{
    Ring ring;
    EXPECT_EQ(ring.content(), "");
    ring.append("one");
    ring.append("");
    ring.append(std::string_view("\0two", 4));
    EXPECT_EQ(ring.content(), std::string("one\0two", 7));
}

TEST(Ring, ExactlyFullHasLostNothing)
{
    Ring ring;
    std::string all = "x" + std::string(Ring::capacity - 2, 'a') + "\n";
    ring.append(all);
    EXPECT_EQ(ring.content(), all);
}

TEST(Ring, BeginsAtALineWhereOlderIsLost)
{
    Ring ring;
    for (int i = 0; i < 20000; ++i) ring.append("line " + std::to_string(i) + "\n");
    std::string content = ring.content();
    EXPECT_TRUE(content.starts_with("line "));
    EXPECT_TRUE(content.ends_with("line 19999\n"));
    EXPECT_GT(content.size(), Ring::capacity - 20);
    EXPECT_LE(content.size(), Ring::capacity);
}

TEST(Ring, OneAppendLargerThanAll)
{
    Ring ring;
    ring.append("before");
    std::string large(Ring::capacity * 3, 'b');
    large.back() = 'c';
    ring.append(large);
    EXPECT_EQ(ring.content(), std::string(Ring::capacity - 1, 'b') + "c");
}

TEST(Ring, OneLineLargerThanAllIsKept)
{
    Ring ring;
    ring.append(std::string(Ring::capacity * 2, 'b') + "\n");
    EXPECT_EQ(ring.content(), std::string(Ring::capacity - 1, 'b') + "\n");
    EXPECT_EQ(ring.content(3), "bb\n");
}

TEST(Ring, TheLastFewBytes)
{
    Ring ring;
    ring.append("first\nsecond\nthird\n");
    EXPECT_EQ(ring.content(10), "third\n");
    EXPECT_EQ(ring.content(100), "first\nsecond\nthird\n");
}

}  // namespace
}  // namespace holm::supervisor
