#include "base/journal_entry.h"

#include <gtest/gtest.h>

namespace holm {
namespace {

using namespace std::string_literals;

TEST(JournalEntry, PlainFields)
{
    EXPECT_EQ(encode_entry({{"MESSAGE", "hello\tä"}, {"PRIORITY", "6"}}), "MESSAGE=hello\tä\nPRIORITY=6\n");
    EXPECT_EQ(encode_entry({{"MESSAGE", "a=b"}, {"EMPTY", ""}}), "MESSAGE=a=b\nEMPTY=\n");
}

// A line end in a value must never become a field of its own.
TEST(JournalEntry, BinaryForm)
{
    EXPECT_EQ(encode_entry({{"MESSAGE", "a\n_UID=0"}}), "MESSAGE\n\x08\0\0\0\0\0\0\0a\n_UID=0\n"s);
    EXPECT_EQ(encode_entry({{"MESSAGE", std::string_view("\0", 1)}}), "MESSAGE\n\x01\0\0\0\0\0\0\0\0\n"s);
    std::string large(0x1234, '\n');
    EXPECT_EQ(encode_entry({{"M", large}}), "M\n\x34\x12\0\0\0\0\0\0"s + large + "\n");
}

}  // namespace
}  // namespace holm
