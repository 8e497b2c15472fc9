#include "machine/toml_value.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

std::string failure(std::string text)
{
    auto parsed = parse_toml({"f.toml", std::move(text)});
    return parsed ? "" : parsed.error().text;
}

std::string repeat(std::string_view text, size_t times)
{
    std::string all;
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
}

TEST(Toml, KeepsOrderAndPlaces)
{
    auto document = parse_toml({"f.toml", "z = 1\na = [ \"x\",\n  true ]\n[t]\nk = 2\n"});
    ASSERT_TRUE(document) << document.error().text;
    ASSERT_EQ(document->entries.size(), 3u);
    EXPECT_EQ(document->entries[0].key, "z");
    EXPECT_EQ(document->entries[0].value.number, 1);
    const TomlValue& list = document->entries[1].value;
    EXPECT_EQ(list.origin, (Origin{"f.toml", 2, 1}));
    EXPECT_EQ(list.items[1].origin, (Origin{"f.toml", 3, 3}));
    EXPECT_TRUE(list.items[1].flag);
    EXPECT_EQ(document->find("t")->find("k")->origin, (Origin{"f.toml", 5, 1}));
}

TEST(Toml, AcceptsEmptyBomAndCrlf)
{
    EXPECT_EQ(failure(""), "");
    EXPECT_EQ(failure("\xef\xbb\xbf"
                      "a = 1\n"),
              "");
    EXPECT_EQ(failure("a = 1\r\n[b]\r\nc = 2\r\n"), "");
    EXPECT_EQ(failure("# only a comment"), "");
}

TEST(Toml, RefusesWhatIsNoUtf8Text)
{
    EXPECT_EQ(failure(std::string("\xff\xfe"
                                  "a\0",
                                  4)),
              "'f.toml' is UTF-16 text; it must be UTF-8");
    EXPECT_EQ(failure(std::string("a = 1\nb = \"\0\"", 13)), "f.toml:2:6: a NUL byte; a definition is UTF-8 text");
    EXPECT_EQ(failure("a = 1\nb = \"\xff\""), "f.toml:2:1: 'b = \"\\xff\"' is not UTF-8 text");
    EXPECT_EQ(failure(std::string(toml_size_limit + 1, '#')), "'f.toml' is larger than 1 MiB");
}

TEST(Toml, LettersBeyondAsciiStandInStringsAndComments)
{
    EXPECT_EQ(failure("# ä\na = \"ä\"\n'ö' = 'ü'\n"), "");
    for (const char* bad : {"ä = 1", "a = ä", "[ä]", "a = 1 ä"})
        EXPECT_TRUE(failure(bad).ends_with("only strings and comments may have letters beyond ASCII")) << failure(bad);
}

TEST(Toml, ALineThatGoesOnDoesSoInAscii)
{
    for (const char* bad : {"a = \"\"\"x\\\n  ä\"\"\"", "a = \"\"\"\\ \nö\"\"\"", "a = \"\"\"\\ \xef\xbb\xbb\"\"\""})
        EXPECT_TRUE(failure(bad).ends_with("goes on with a letter beyond ASCII: join the two")) << failure(bad);
    for (const char* bad : {"a = \"\"\"\\ä\"\"\"", "\"\"\"\\\xef\xbb\xbb"})
        EXPECT_TRUE(failure(bad).ends_with("stands before a letter beyond ASCII, which is no escape")) << failure(bad);
    for (const char* good : {"a = \"\"\"ä\\\n  x ä\"\"\"", "a = \"\"\"ä\nö\\\\\nü\"\"\"", "a = '''x\\\nä'''", "a = \"\\n\""})
        EXPECT_EQ(failure(good), "") << good;
}

TEST(Toml, NoStringStandsInAValueThatIsNone)
{
    for (const char* bad : {"a = 1\"ä\"", "a = x'ä'", "a = [1\"ä\"]", "a = [1=\"ä\"]", "a = 1[\"ä\"]", "a = 1.'ä'", "a = 1 = 'ä'",
                            "a = {b = 1, c = 2'ä'}", "a = [{b = 1}'ä']", "a = 'b''ä'", "a = tru'ä'"})
        EXPECT_TRUE(failure(bad).ends_with("no string can stand here")) << bad << ": " << failure(bad);
    for (const char* good : {"a.'ä' = 'ä'", "['ä'.\"ö\"]\n'ü' = 1", "[[a.'ä']]",
                             "a = ['ä', ['ö'], {'ü' = 'ä', b.'ö' = ['x', \"\"\"ä\n\"\"\"]}, # ä\n 'ä',\n]\n'ö' = 1",
                             "a = 1\n'ä' = 2 # 'ö'\nb = [\n'ä'\n,\n]\n"})
        EXPECT_EQ(failure(good), "") << good;
}

TEST(Toml, ANameFollowsTheBracketOfAHeader)
{
    for (const char* bad : {"a = 1\n[\nroot]\n", "[^init]", "[[[a]]]", "[[\na]]", "[#\na]", "[.a]", "[=]", "[\r\na]", "[ [ [a"})
        EXPECT_TRUE(failure(bad).ends_with("the name of a table must follow '['")) << bad << ": " << failure(bad);
    EXPECT_EQ(failure("a = 1\n[\nroot]\n").substr(0, 9), "f.toml:2:");
    for (const char* bad : {"[]", "[", "[[", "[ [a]]"}) EXPECT_NE(failure(bad), "") << bad;
    for (const char* good : {"[a]", "[ \"a\" ]", "[[ a ]]", "['a']", "[-]", "[9_]", "a = [\n [1, 2],\n [\n]]\n[b]\nc = [[[1]]]"})
        EXPECT_EQ(failure(good), "") << good;
}

TEST(Toml, AValueDoesNotBeginWithABrace)
{
    for (const char* bad : {"a = [}", "a = [[[}}", "a = [1, }]", "a = [\n}", "a = {b = [}}", "a = {b = }", "a = }"})
        EXPECT_TRUE(failure(bad).ends_with("a value must stand here")) << bad << ": " << failure(bad);
    for (const char* good : {"a = {}", "a = [{}]", "a = [{b = [1]}, {}]", "a = {b = {}, c = [{}]}", "a = ['}', \"}\"] # }"})
        EXPECT_EQ(failure(good), "") << good;
}

TEST(Toml, SyntaxErrorsHaveTheirPlace)
{
    for (const char* bad : {"a = 1\na = 2", "a = ", "a", "= 1", "a = \"x", "[t", "[t]\n[t]", "a.b = 1\na = 2", "a = 1\rb = 2",
                            "a = {b = 1\n}", "a = 99999999999999999999"})
        EXPECT_EQ(failure(bad).substr(0, 7), "f.toml:") << bad;
    EXPECT_EQ(failure("a = 1\na = 2").substr(0, 9), "f.toml:2:");
}

TEST(Toml, NestingIsBoundedBeforeItIsParsed)
{
    EXPECT_EQ(failure("a = " + repeat("[", 32) + repeat("]", 32)), "");
    EXPECT_EQ(failure("a = " + repeat("[", 33) + repeat("]", 33)), "f.toml:1:37: nested deeper than 32 levels");
    EXPECT_NE(failure("a = " + repeat("[", 500000)), "");
    EXPECT_NE(failure("a = " + repeat("{a=", 10000)), "");
    EXPECT_NE(failure(repeat("a.", 300000) + "a = 1"), "");
    EXPECT_NE(failure("[" + repeat("a . ", 300000) + "a]"), "");
    EXPECT_NE(failure(repeat("\"a\".", 200000) + "a = 1"), "");
    EXPECT_NE(failure("x = 1\n[[" + repeat("a.", 10000) + "a]]"), "");
}

TEST(Toml, BracketsInStringsAndCommentsDoNotNest)
{
    const std::string many = repeat("[", 100), dots = repeat(".", 100);
    EXPECT_EQ(failure("a = \"" + many + dots + "\"\n# " + many + "\nb = '" + many + "'\nc = '''\n" + many + "'''\nd = \"\"\"\\\"" + many +
                      "\"\"\"\n"),
              "");
    EXPECT_EQ(failure("a = \"\\\\\" # " + many), "");
    EXPECT_EQ(failure("a = ''''x'''''\nb = [1.5, 2.5]\n"), "");
    std::string lists;
    for (int i = 0; i < 100; ++i) lists += "k" + std::to_string(i) + " = [[1], [2.5]]\n";
    EXPECT_EQ(failure(lists), "");
}

TEST(Toml, MergeIsKeyByKey)
{
    auto earlier = parse_toml({"a", "s = 1\nl = [1, 2]\n[t]\nx = 1\ny = 1\n[[m]]\nk = 1\n"});
    auto later = parse_toml({"b", "l = [3]\n[t]\ny = 2\n[[m]]\nk = 2\n"});
    TomlValue both = merge_toml(*earlier, *later);
    EXPECT_EQ(both.find("s")->number, 1);
    ASSERT_EQ(both.find("l")->items.size(), 1u);
    EXPECT_EQ(both.find("l")->items[0].number, 3);
    EXPECT_EQ(both.find("t")->find("x")->number, 1);
    EXPECT_EQ(both.find("t")->find("y")->origin.file, "b");
    ASSERT_EQ(both.find("m")->items.size(), 2u);
    EXPECT_EQ(both.find("m")->items[1].find("k")->number, 2);
    TomlValue cleared = merge_toml(both, *parse_toml({"c", "m = []"}));
    EXPECT_TRUE(cleared.find("m")->items.empty());
    TomlValue replaced = merge_toml(both, *parse_toml({"d", "m = [{ k = 3 }, { k = 4 }]"}));
    ASSERT_EQ(replaced.find("m")->items.size(), 2u);
    EXPECT_EQ(replaced.find("m")->items[0].find("k")->number, 3) << "behind = it is one value";
    TomlValue longer = merge_toml(replaced, *parse_toml({"e", "[[m]]\nk = 5\n"}));
    ASSERT_EQ(longer.find("m")->items.size(), 3u);
}

TEST(Toml, QuotedTextIsReadBack)
{
    std::string text = "a\"b\\c\n\t\r\x01\x7f \xc3\xa4 ${x} '";
    auto document = parse_toml({"", toml_key(text) + " = " + toml_quote(text)});
    ASSERT_TRUE(document) << document.error().text;
    ASSERT_EQ(document->entries.size(), 1u);
    EXPECT_EQ(document->entries[0].key, text);
    EXPECT_EQ(document->entries[0].value.text, text);
    EXPECT_EQ(toml_key("a-b_1"), "a-b_1");
    EXPECT_EQ(toml_key("net.core"), "\"net.core\"");
    EXPECT_EQ(toml_key(""), "\"\"");
}

}  // namespace
}  // namespace holm::machine
