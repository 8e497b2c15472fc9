#include "machine/grammar.h"

#include <sys/resource.h>

#include <csignal>

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsTimeSpans)
{
    EXPECT_EQ(*parse_duration("90s"), 90s);
    EXPECT_EQ(*parse_duration("90"), 90s);
    EXPECT_EQ(*parse_duration("0"), 0s);
    EXPECT_EQ(*parse_duration("100ms"), 100ms);
    EXPECT_EQ(*parse_duration("1min 30s"), 90s);
    EXPECT_EQ(*parse_duration("1min30s"), 90s);
    EXPECT_EQ(*parse_duration("2 h"), 2h);
    EXPECT_EQ(*parse_duration("5us"), 5us);
    EXPECT_EQ(*parse_duration("1w"), 168h);
    EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
    EXPECT_EQ(*parse_duration("1y"), 8766h);
    EXPECT_EQ(*parse_duration("infinity"), infinite);
}

TEST(Duration, RefusesAllElse)
{
    for (const char* bad : {"", " ", "s", "-1", "-1s", "1.s", "1e9", "1x", "0x10", "1S", "99999999999999999999s", "18446744073709551615w",
                            "300000000000d", "1ns", "infinity s", "9223372037"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Duration, IsWrittenAsItIsRead)
{
    for (Microseconds span :
         {Microseconds(0), Microseconds(1), Microseconds(100ms), Microseconds(90s), Microseconds(48h), infinite, Microseconds(1500ms)})
        EXPECT_EQ(*parse_duration(describe_duration(span)), span) << describe_duration(span);
    EXPECT_EQ(describe_duration(90s), "90s");
}

TEST(ClockOffset, MayBeNegative)
{
    EXPECT_EQ(*parse_clock_offset("-1d"), -24h);
    EXPECT_EQ(*parse_clock_offset("7ns"), 7ns);
    for (const char* bad : {"", "-", "--1s", "infinity", "- 1x"}) EXPECT_FALSE(parse_clock_offset(bad)) << bad;
    for (std::chrono::nanoseconds offset : {0ns, 7ns, -86400'000'000'001ns, std::chrono::nanoseconds(-3h)})
        EXPECT_EQ(*parse_clock_offset(describe_clock_offset(offset)), offset);
}

TEST(Size, ReadsBinaryUnits)
{
    EXPECT_EQ(*parse_size("0"), 0u);
    EXPECT_EQ(*parse_size("4096"), 4096u);
    EXPECT_EQ(*parse_size("1K"), 1024u);
    EXPECT_EQ(*parse_size("512M"), 512u << 20);
    EXPECT_EQ(*parse_size("3G"), 3ull << 30);
    EXPECT_EQ(*parse_size("2T"), 2ull << 40);
    EXPECT_EQ(*parse_size("1.5G"), 1536ull << 20);
    EXPECT_EQ(*parse_size("1G 512M"), 1536ull << 20);
}

TEST(Size, RefusesAllElse)
{
    for (const char* bad :
         {"", "K", "-1", "1KB", "1k", "1e9", "0x10", "infinity", "max", "18446744073709551616", "9999999999G", "8E", "1KK"})
        EXPECT_FALSE(parse_size(bad)) << bad;
    EXPECT_EQ(parse_size("1KB").error().text, "'1KB' is no size: numbers, and B, K, M, G, T, P or E (of 1024) behind them");
}

TEST(Size, IsWrittenWithTheLargestUnitThatFits)
{
    EXPECT_EQ(describe_size(0), "0");
    EXPECT_EQ(describe_size(1025), "1025");
    EXPECT_EQ(describe_size(512 << 20), "512M");
    EXPECT_EQ(describe_size(1536ull << 20), "1536M");
}

TEST(Signal, ByNameAndNumber)
{
    EXPECT_EQ(*parse_signal("SIGTERM"), SIGTERM);
    EXPECT_EQ(*parse_signal("TERM"), SIGTERM);
    EXPECT_EQ(*parse_signal("15"), 15);
    EXPECT_EQ(*parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
    EXPECT_EQ(*parse_signal("RTMAX-1"), SIGRTMAX - 1);
    for (const char* bad :
         {"", "0", "-1", "65", "SIG", "SIGFOO", "term", "SIGRTMIN+", "SIGRTMIN+31", "SIGRTMIN-1", "SIGSIGTERM", "SIGTERM "})
        EXPECT_FALSE(parse_signal(bad)) << bad;
    for (int signal = 1; signal <= SIGRTMAX; ++signal) EXPECT_EQ(*parse_signal(describe_signal(signal)), signal);
}

TEST(Limit, SoftAndHard)
{
    using Limit = std::pair<uint64_t, uint64_t>;
    EXPECT_EQ(*parse_limit("NOFILE", "1024:524288"), (Limit{1024, 524288}));
    EXPECT_EQ(*parse_limit("NOFILE", "64"), (Limit{64, 64}));
    EXPECT_EQ(*parse_limit("CORE", "0:infinity"), (Limit{0, RLIM_INFINITY}));
    EXPECT_EQ(*parse_limit("MEMLOCK", "64K"), (Limit{65536, 65536}));
    for (const char* bad : {"", ":", "1:", ":1", "2:1", "infinity:1", "1:2:3", "64K", "-1", "unlimited"})
        EXPECT_FALSE(parse_limit("NOFILE", bad)) << bad;
    EXPECT_TRUE(parse_limit_name("NOFILE"));
    EXPECT_EQ(parse_limit_name("NOFILES").error().text, "'NOFILES' is no limit of getrlimit(2) (did you mean 'NOFILE'?)");
    EXPECT_EQ(*parse_limit("CPU", describe_limit({5, RLIM_INFINITY})), (Limit{5, RLIM_INFINITY}));
}

TEST(UsersGrammar, Words)
{
    EXPECT_EQ(parse_users("auto")->kind, UsersKind::Auto);
    EXPECT_EQ(parse_users("identity")->kind, UsersKind::Identity);
    EXPECT_EQ(parse_users("host")->kind, UsersKind::Host);
    EXPECT_EQ(*parse_users("524288:65536"), (Users{UsersKind::Range, 524288, 65536}));
    EXPECT_EQ(*parse_users("4294901759:65536"), (Users{UsersKind::Range, 4294901759, 65536}));
}

TEST(UsersGrammar, NoOverflowAndNoHostIds)
{
    for (const char* bad : {"",
                            ":",
                            "0:65536",
                            "1000:65536",
                            "65535:65536",
                            "524288",
                            "524288:",
                            ":65536",
                            "524288:0",
                            "524288:65535",
                            "524288:-1",
                            "-1:65536",
                            "4294901760:65536",
                            "4294967296:65536",
                            "18446744073709551616:65536",
                            "524288:4294967296",
                            "524288:18446744073709486080",
                            "0x80000:65536",
                            " 524288:65536",
                            "524288:65536 ",
                            "524288:65536:0",
                            "Auto",
                            "+524288:65536"})
        EXPECT_FALSE(parse_users(bad)) << bad;
    EXPECT_EQ(parse_users("0:65536").error().text, "'0:65536' begins below 65536, among the host's own ids");
}

TEST(PathGrammar, IsNormalised)
{
    EXPECT_EQ(*parse_path("/"), "/");
    EXPECT_EQ(*parse_path("//"), "/");
    EXPECT_EQ(*parse_path("/srv//web/./x/"), "/srv/web/x");
    EXPECT_EQ(*parse_path("/a b/c:d,e\\f"), "/a b/c:d,e\\f");
    EXPECT_EQ(*parse_path("/..."), "/...");
    EXPECT_TRUE(parse_path("/" + std::string(255, 'x')));
}

TEST(PathGrammar, RefusesWhatCannotBeTrusted)
{
    const std::string bad[] = {"",
                               "relative",
                               "./x",
                               "/..",
                               "/a/../b",
                               "/a/..",
                               std::string("/a\0b", 4),
                               "/a\nb",
                               "/\x7f",
                               "/" + std::string(256, 'x'),
                               std::string(4096, '/'),
                               " /a"};
    for (const std::string& path : bad) EXPECT_FALSE(parse_path(path)) << path;
}

TEST(PathGrammar, WithinIsByWholeParts)
{
    EXPECT_TRUE(is_within("/a/b", "/a"));
    EXPECT_TRUE(is_within("/a", "/a"));
    EXPECT_TRUE(is_within("/a", "/"));
    EXPECT_FALSE(is_within("/ab", "/a"));
    EXPECT_FALSE(is_within("/a", "/a/b"));
}

TEST(ReadyGrammar, EveryKind)
{
    for (const char* text : {"started", "notify", "unit:nginx.service", "port:80", "command:/usr/bin/check -v"})
        EXPECT_EQ(describe_ready(*parse_ready(text)), text);
    for (const char* bad : {"", "ready", "unit:", "unit:x", "port:0", "port:65536", "port:", "command:", "command:check"})
        EXPECT_FALSE(parse_ready(bad)) << bad;
}

}  // namespace
}  // namespace holm::machine
