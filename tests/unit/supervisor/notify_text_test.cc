#include "supervisor/notify_text.h"

#include <gtest/gtest.h>

namespace holm::supervisor {
namespace {

TEST(NotifyText, ReadyAndStatus)
{
    EXPECT_EQ(parse_notify("READY=1\nSTATUS=up\nMAINPID=1"), (NotifyText{true, "up"}));
    EXPECT_EQ(parse_notify("STATUS=a\nSTATUS=b\n"), (NotifyText{false, "b"}));
    EXPECT_EQ(parse_notify("X_SYSTEMD_UNIT_ACTIVE=READY=1"), NotifyText{});
    EXPECT_EQ(parse_notify("READY=10\nready=1\n READY=1"), NotifyText{});
    EXPECT_EQ(parse_notify(""), NotifyText{});
}

// It is shown by the host's systemctl.
TEST(NotifyText, StatusIsSafeToShow)
{
    EXPECT_EQ(parse_notify("STATUS=\x1b[2J").status, "\\x1b[2J");
    EXPECT_LE(parse_notify("STATUS=" + std::string(4000, 'x')).status->size(), 260u);
    EXPECT_EQ(parse_notify(std::string_view("STATUS=a\0b", 10)).status, "a\\x00b");
}

}  // namespace
}  // namespace holm::supervisor
