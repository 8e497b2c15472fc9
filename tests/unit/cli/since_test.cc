#include "cli/since.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace holm::cli {

namespace {

constexpr uint64_t second = 1'000'000, now = 1795331555 * second;  // 2026-11-22 07:12:35 UTC

class Since : public testing::Test {
protected:
    Since()
    {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
    static uint64_t seconds_of(const char* text) { return parse_since(text, now).value_or(0) / second; }
};

TEST_F(Since, TakesMomentsAndSpans)
{
    EXPECT_EQ(seconds_of("now"), 1795331555u);
    EXPECT_EQ(seconds_of("-1h"), 1795331555u - 3600);
    EXPECT_EQ(seconds_of("1h ago"), 1795331555u - 3600);
    EXPECT_EQ(seconds_of("@1000"), 1000u);
    EXPECT_EQ(seconds_of("today"), 1795331555u / 86400 * 86400);
    EXPECT_EQ(seconds_of("yesterday"), (1795331555u / 86400 - 1) * 86400);
    EXPECT_EQ(seconds_of("2001-02-03 04:05:06"), 981173106u);
    EXPECT_EQ(seconds_of("2001-02-03 04:05"), 981173100u);
    EXPECT_EQ(seconds_of("2001-02-03"), 981158400u);
    EXPECT_EQ(seconds_of("07:00"), 1795331555u / 86400 * 86400 + 7 * 3600);
    EXPECT_EQ(parse_since("-1000000h", now).value_or(1), 0u) << "before 1970";
}

TEST_F(Since, RefusesWhatIsNone)
{
    for (const char* text : {"", "soon", "-", "-x", " ago", "@", "@x", "@99999999999999999999", "2001-13-01", "25:00", "2001-02-03T", "1h"})
        EXPECT_FALSE(parse_since(text, now)) << "'" << text << "'";
}

}  // namespace

}  // namespace holm::cli
