#include "supervisor/lines.h"

#include <gtest/gtest.h>

namespace holm::supervisor {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::string_view output)
{
    LineSplitter splitter;
    Lines lines = splitter.feed(output);
    for (auto& line : splitter.finish()) lines.push_back(line);
    return lines;
}

TEST(Lines, EndsAndEmptyOnes)
{
    EXPECT_EQ(lines_of("one\r\ntwo\n\n\nthree"), (Lines{"one", "two", "three"}));
    EXPECT_EQ(lines_of("10%\r20%\r\n"), (Lines{"10%", "20%"}));
    EXPECT_EQ(lines_of(""), Lines{});
    EXPECT_EQ(lines_of("\r\n\n"), Lines{});
}

TEST(Lines, ControlSequencesGoAndTextStays)
{
    EXPECT_EQ(lines_of("[\x1b[0;32m  OK  \x1b[0m] Started\tunit.\r\n"), (Lines{"[  OK  ] Started\tunit."}));
    EXPECT_EQ(lines_of("\x1b]0;title\aprompt$ \n"), (Lines{"prompt$ "}));
    EXPECT_EQ(lines_of("\x1b]0;title\x1b\\prompt\n"), (Lines{"prompt"}));
    EXPECT_EQ(lines_of("a\x1b(Bb\x1b"
                       "7c\x1b=d\n"),
              (Lines{"abcd"}));
    EXPECT_EQ(lines_of("bell\a back\b nul\x01\x7f end\n"), (Lines{"bell back nul end"}));
}

// Whoever writes half a sequence must not hide what comes after it.
TEST(Lines, LineEndEndsASequence)
{
    EXPECT_EQ(lines_of("\x1b]0;never closed\nnext\n"), (Lines{"next"}));
    EXPECT_EQ(lines_of("\x1b[31\nnext\n"), (Lines{"next"}));
    EXPECT_EQ(lines_of("\x1b[3\x1b[1mx\n"), (Lines{"x"}));
}

TEST(Lines, ByteByByteIsTheSame)
{
    constexpr std::string_view output = "[\x1b[0;32m  OK  \x1b[0m] \xc3\xa4\r\n\x1b]0;t\x1b\\p\nrest";
    LineSplitter splitter;
    Lines lines;
    for (char byte : output)
        for (auto& line : splitter.feed(std::string_view(&byte, 1))) lines.push_back(line);
    for (auto& line : splitter.finish()) lines.push_back(line);
    EXPECT_EQ(lines, lines_of(output));
}

TEST(Lines, LongLinesAreSplitBetweenCharacters)
{
    std::string text(LineSplitter::max_line - 1, 'a');
    auto lines = lines_of(text + "\xc3\xa4" + "b\n");
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0], text + "\xc3\xa4");
    EXPECT_EQ(lines[1], "b");
    EXPECT_EQ(lines_of(std::string(10000, 'x')).size(), 3u);
}

TEST(Lines, InvalidUtf8IsKeptAndBounded)
{
    EXPECT_EQ(lines_of("\xff\xfe\n"), (Lines{"\xff\xfe"}));
    for (auto& line : lines_of(std::string(10000, '\xc3'))) EXPECT_LE(line.size(), LineSplitter::max_line + 4);
    for (auto& line : lines_of(std::string(10000, '\x80'))) EXPECT_LE(line.size(), LineSplitter::max_line + 4);
}

TEST(Lines, LastLines)
{
    EXPECT_EQ(last_lines("1\n2\n3\n4", 2), (Lines{"3", "4"}));
    EXPECT_EQ(last_lines("a\xff\n"), (Lines{"a\\xff"}));
    EXPECT_EQ(last_lines(""), Lines{});
    EXPECT_EQ(without_nul(std::string("a\0b\0", 4)), "ab");
}

TEST(Lines, TheFirstUnitThatFailed)
{
    EXPECT_EQ(
        find_failed_unit(
            "[  OK  ] Started a.service - A.\r\n[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mnginx.service\x1b[0m - Web.\r\n"
            "[FAILED] Failed to start b.service - B.\r\n"),
        "nginx.service");
    EXPECT_EQ(find_failed_unit("[FAILED] Failed to mount srv.mount.\n"), "srv.mount");
    EXPECT_EQ(find_failed_unit("all is well\n"), "");
    EXPECT_EQ(find_failed_unit("[FAILED] Failed to \n"), "");
}

}  // namespace
}  // namespace holm::supervisor
