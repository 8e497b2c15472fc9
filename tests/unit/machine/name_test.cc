#include "machine/name.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

TEST(Name, TakesWhatMachinedTakes)
{
    for (const std::string& good : {std::string("a"), std::string("web-1"), std::string("a.b.c"), std::string("X9"), std::string("0"),
                                    std::string("a--b"), std::string("hosts"), std::string(64, 'x')})
        EXPECT_TRUE(parse_name(good)) << good;
}

TEST(Name, RefusesTheTableOfBadNames)
{
    const std::string bad[] = {"",
                               ".",
                               "..",
                               ".host",
                               "host",
                               "-a",
                               "a-",
                               "a/b",
                               std::string("a\0b", 3),
                               " a",
                               "a ",
                               "a\nb",
                               "a_b",
                               "%s",
                               "a;b",
                               "b\xc3\xa4r",
                               "\xe2\x80\xae"
                               "a",
                               "\xf0\x9f\x8d\xba",
                               "a.",
                               ".a",
                               "a..b",
                               "a.-b",
                               "a-.b",
                               "a@b",
                               "a\\b",
                               "a:b",
                               std::string(65, 'x'),
                               std::string(256, 'x')};
    for (const std::string& text : bad) {
        auto name = parse_name(text);
        ASSERT_FALSE(name) << text;
        EXPECT_EQ(name.error().code, Errc::Invalid);
    }
}

TEST(Name, ErrorNamesTheRuleAndEscapesTheText)
{
    EXPECT_EQ(parse_name("a\nb").error().text, "'a\\x0ab' is no valid name of a machine: it may have only letters, digits, '-' and '.'");
    EXPECT_EQ(parse_name("").error().text, "'' is no valid name of a machine: it is empty");
}

TEST(Name, IsMadeFromAnyText)
{
    EXPECT_EQ(name_from_text("debian_12"), "debian-12");
    EXPECT_EQ(name_from_text("web"), "web");
    EXPECT_EQ(name_from_text(" my  root! "), "my-root");
    EXPECT_EQ(name_from_text("a-.-b..c"), "a.b.c");
    EXPECT_EQ(name_from_text(""), "machine");
    EXPECT_EQ(name_from_text("___"), "machine");
    EXPECT_EQ(name_from_text("host"), "machine");
    EXPECT_EQ(name_from_text(std::string(100, 'x')), std::string(64, 'x'));
    EXPECT_EQ(name_from_text("abc-def", 4), "abc");
}

TEST(Name, MadeNamesAreAlwaysValid)
{
    const std::string bytes = "a-._/ \xc3\x9f";
    std::string text;
    for (unsigned i = 0; i < 5000; ++i) {
        text.clear();
        for (unsigned digits = i * 2654435761u; digits != 0; digits /= 9) text += bytes[digits % 9 % bytes.size()];
        EXPECT_TRUE(parse_name(name_from_text(text))) << text;
        EXPECT_TRUE(parse_name(name_from_text(text, 3))) << text;
    }
}

}  // namespace
}  // namespace holm::machine
