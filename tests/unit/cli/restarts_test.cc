// What a person is told of restarts by a machine's policy.
#include "cli/restarts.h"

#include <gtest/gtest.h>

namespace holm::cli {
namespace {

TEST(Restarts, HowManyAndWhy)
{
    EXPECT_EQ(describe_restarts(0, ""), "");
    EXPECT_EQ(describe_restarts(2, "exit status 3"), "2, last after: exit status 3");
    EXPECT_EQ(describe_restarts(1, "a\x1b[31m").find('\x1b'), std::string::npos);
}

TEST(Restarts, TheRestBeforeTheNext)
{
    constexpr uint64_t second = 1'000'000;
    EXPECT_EQ(describe_rest(0, 5 * second, "exit status 3"), "");
    EXPECT_EQ(describe_rest(20 * second, 5 * second, "exit status 3"), "again in 15s: exit status 3");
    EXPECT_EQ(describe_rest(20 * second, 5 * second + 1, "exit status 3"), "again in 15s: exit status 3");
    EXPECT_EQ(describe_rest(second, second - 150'001, "signal SIGSEGV"), "again in 151ms: signal SIGSEGV");
    EXPECT_TRUE(describe_rest(second, 2 * second, "x").starts_with("again in 0")) << "it is about to";
}

}  // namespace
}  // namespace holm::cli
