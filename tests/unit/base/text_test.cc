#include "base/text.h"

#include <gtest/gtest.h>

namespace holm {
namespace {

TEST(Text, Split)
{
    EXPECT_EQ(split("a.b", '.'), (std::vector<std::string_view>{"a", "b"}));
    EXPECT_EQ(split("", '.'), (std::vector<std::string_view>{""}));
    EXPECT_EQ(split(".a.", '.'), (std::vector<std::string_view>{"", "a", ""}));
}

TEST(Text, Trim)
{
    EXPECT_EQ(trim(" \t a b \n"), "a b");
    EXPECT_EQ(trim("  "), "");
}

TEST(Text, NumbersAreDigitsOnly)
{
    EXPECT_EQ(parse_number("0"), 0u);
    EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_number("10", 10), 10u);
    for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "18446744073709551616", "1a"}) EXPECT_FALSE(parse_number(bad)) << bad;
    EXPECT_FALSE(parse_number("11", 10));
}

TEST(Text, PrintableActsOnNoTerminal)
{
    EXPECT_EQ(printable("plain ä 😀"), "plain ä 😀");
    EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
    EXPECT_EQ(printable("\xff"
                        "a\xc0\xaf"),
              "\\xffa\\xc0\\xaf");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "\\xc2\\x9b31m");  // C1: CSI
    EXPECT_EQ(printable("\xe2\x80\xae"
                        "x"),
              "\\xe2\\x80\\xaex");  // right-to-left override
    EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
    EXPECT_EQ(printable(std::string(300, 'a'), 10), "aaaaaaaaaa…");
}

TEST(Text, NearestIsASlipAway)
{
    const std::string_view known[] = {"lower", "upper", "path"};
    EXPECT_EQ(nearest("lowr", known), "lower");
    EXPECT_EQ(nearest("uper", known), "upper");
    EXPECT_EQ(nearest("xyzzy", known), "");
    EXPECT_EQ(nearest(std::string(1000, 'x'), known), "");
    EXPECT_EQ(nearest("paht", known), "path") << "neighbours that changed places are one slip";
    EXPECT_EQ(did_you_mean("pth", known), " (did you mean 'path'?)");
    EXPECT_EQ(did_you_mean("network", known), "");
}

TEST(Text, Utf8)
{
    for (const char* good : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_valid_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                            "\xf8\x88\x80\x80\x80", "\xff"})
        EXPECT_FALSE(is_valid_utf8(bad));
}

}  // namespace
}  // namespace holm
