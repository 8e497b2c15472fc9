#include "machine/os_release.h"

#include <gtest/gtest.h>

namespace holm::machine {
namespace {

using Fields = std::map<std::string, std::string>;

TEST(OsRelease, UnquotesAsAShellWould)
{
    EXPECT_EQ(parse_os_release("NAME=\"Debian GNU/Linux\"\nID=debian\nQUOTE='it \\ is'\nESCAPED=\"a \\\"b\\\" \\$c\"\n"),
              (Fields{{"NAME", "Debian GNU/Linux"}, {"ID", "debian"}, {"QUOTE", "it \\ is"}, {"ESCAPED", "a \"b\" $c"}}));
}

TEST(OsRelease, LeavesOutWhatIsNoAssignment)
{
    EXPECT_EQ(parse_os_release("# NAME=x\n\nno assignment\n=x\nBAD KEY=1\n$(id)=1\nID=a\n"), (Fields{{"ID", "a"}}));
}

TEST(OsRelease, TheLastOfAKeyCounts)
{
    EXPECT_EQ(parse_os_release("ID=a\nID=b"), (Fields{{"ID", "b"}}));
}

TEST(OsRelease, AValueThatIsNoUtf8IsLeftOut)
{
    EXPECT_EQ(parse_os_release("A=\xff\xfe\nB=ok\n"), (Fields{{"B", "ok"}}));
}

TEST(OsRelease, AGuestCannotMakeItLong)
{
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "K" + std::to_string(i) + "=v\n";
    EXPECT_EQ(parse_os_release(text).size(), 100U);
}

TEST(OsRelease, ALoneQuoteIsAValue)
{
    EXPECT_EQ(parse_os_release("A=\"\nB='"), (Fields{{"A", "\""}, {"B", "'"}}));
}

}  // namespace
}  // namespace holm::machine
