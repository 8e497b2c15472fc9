#include "machine/systemd_values.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

struct Case {
    const char* text;
    std::optional<uint64_t> value;  // none: refused
};

constexpr uint64_t giga = uint64_t{1} << 30, minute = 60'000'000, day = 86'400'000'000, year = 31'557'600'000'000;

// Each as parse_size() of systemd 252 has it, but for the last, at which that wraps around.
TEST(SystemdSize, IsReadAsSystemdDoes)
{
    const Case cases[] = {{"0", 0},
                          {"512M", giga / 2},
                          {"1.5G", giga + giga / 2},
                          {"1P", uint64_t{1} << 50},
                          {"1E", uint64_t{1} << 60},
                          {"8E", uint64_t{1} << 63},
                          {"1073741824B", giga},
                          {"1G 500M", giga + (500 << 20)},
                          {"1G500M 7", giga + (500 << 20) + 7},
                          {"1G5", giga + 5},
                          {"10.M", 10 << 20},
                          {"1.5", 1},
                          {"+5", 5},
                          {" 1", 1},
                          {"1 ", 1},
                          {"1 K", 1024},
                          {"18446744073709551615", UINT64_MAX},
                          {"", {}},
                          {" ", {}},
                          {"K", {}},
                          {".5G", {}},
                          {"1. 5G", {}},
                          {"-0", {}},
                          {"-1", {}},
                          {"1k", {}},
                          {"1KB", {}},
                          {"1KiB", {}},
                          {"1K ", {}},
                          {"1K 1K", {}},
                          {"500M 1G", {}},
                          {"5 5", {}},
                          {"1e9", {}},
                          {"0x10", {}},
                          {"infinity", {}},
                          {"16E", {}},
                          {"15.5E", {}},
                          {"15E 15E", {}},
                          {"18446744073709551616", {}},
                          {"18446744073709551615.5E", {}}};
    for (const Case& one : cases) EXPECT_EQ(find_size(one.text, 1024), one.value) << one.text;
    EXPECT_EQ(find_size("1.5M", 1000), 1'500'000u);
    EXPECT_EQ(find_size("1G 500K", 1000), 1'000'500'000u);
    EXPECT_EQ(find_size("18E", 1000), 18'000'000'000'000'000'000u);
    EXPECT_EQ(find_size("19E", 1000), std::nullopt);
}

// In microseconds, as parse_sec() of systemd 252 has it; of more than 292 years it takes some.
TEST(SystemdTimeSpan, IsReadAsSystemdDoes)
{
    const Case cases[] = {{"2s", 2'000'000},
                          {"10", 10'000'000},
                          {"500us", 500},
                          {"1\u00b5s", 1},
                          {"1\u03bcs", 1},
                          {"1.5s", 1'500'000},
                          {".5s", 500'000},
                          {"1.2345678s", 1'234'567},
                          {"1.5us", 1},
                          {"1min 30s", minute + 30'000'000},
                          {"1min30s", minute + 30'000'000},
                          {"5 90s", 95'000'000},
                          {"90 s 5", 95'000'000},
                          {"1.5s.5", 2'000'000},
                          {"2 h", 120 * minute},
                          {"1d 1w", 8 * day},
                          {"1m", minute},
                          {"1M", year / 12},
                          {"2 months", year / 6},
                          {"1y", year},
                          {"292y", 292 * year},
                          {"0", 0},
                          {"", {}},
                          {" ", {}},
                          {"s", {}},
                          {".s", {}},
                          {"3.s", {}},
                          {"1.5.5s", {}},
                          {"-1", {}},
                          {"-0", {}},
                          {"1e9", {}},
                          {"0x10", {}},
                          {"1S", {}},
                          {"1x", {}},
                          {"1ns", {}},
                          {"1 fortnight", {}},
                          {"infinity", {}},
                          {"293y", {}},
                          {"18446744073709551615us", {}},
                          {"99999999999999999999s", {}}};
    for (const Case& one : cases) EXPECT_EQ(find_time_span(one.text, 1000), one.value) << one.text;
    EXPECT_EQ(find_time_span("1.5us 7ns", 1), 1507u);
}

TEST(SystemdPermyriad, IsReadAsSystemdDoes)
{
    const Case cases[] = {{"50%", 5000},
                          {"12.5%", 1250},
                          {"12.34%", 1234},
                          {"10‰", 100},
                          {"12.5‰", 125},
                          {"15‱", 15},
                          {"0%", 0},
                          {"250%", 25000},
                          {" 5%", 500},
                          {"0x10%", 1600},
                          {"21474836.47%", INT32_MAX},
                          {"21474836.48%", {}},
                          {"", {}},
                          {"%", {}},
                          {"50", {}},
                          {"5 %", {}},
                          {"-5%", {}},
                          {"1.%", {}},
                          {".5%", {}},
                          {"1.234%", {}},
                          {"1.25‰", {}},
                          {"1.5‱", {}},
                          {"1.x%", {}},
                          {"5%%", {}},
                          {"18446744073709551616%", {}}};
    for (const Case& one : cases) EXPECT_EQ(find_permyriad(one.text), one.value) << one.text;
}

TEST(SystemdInteger, IsReadAsSystemdDoes)
{
    const Case cases[] = {{"0", 0},
                          {"77", 77},
                          {"+77", 77},
                          {" 77", 77},
                          {"0x4d", 77},
                          {"0o17", 15},
                          {"017", 15},
                          {"0b11", 3},
                          {"18446744073709551615", UINT64_MAX},
                          {"", {}},
                          {"-1", {}},
                          {"0x", {}},
                          {"08", {}},
                          {"4K", {}},
                          {"1 ", {}},
                          {"1.0", {}},
                          {"18446744073709551616", {}}};
    for (const Case& one : cases) EXPECT_EQ(find_integer(one.text), one.value) << one.text;
}

TEST(SystemdBoolean, IsReadAsSystemdDoes)
{
    for (const char* yes : {"1", "yes", "YES", "y", "True", "t", "on"}) EXPECT_EQ(find_boolean(yes), true) << yes;
    for (const char* no : {"0", "no", "N", "false", "f", "Off"}) EXPECT_EQ(find_boolean(no), false) << no;
    for (const char* bad : {"", "2", "maybe", "yes "}) EXPECT_EQ(find_boolean(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace holm::machine
