#include "supervisor/listening.h"

#include <gtest/gtest.h>

namespace holm::supervisor {
namespace {

constexpr const char* table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
    "   1: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1\n";

TEST(Listening, IsAStateOfALocalPort)
{
    EXPECT_TRUE(has_listener(table, 8080));
    EXPECT_FALSE(has_listener(table, 80)) << "a connection";
    EXPECT_FALSE(has_listener(table, 50000)) << "the other side's";
    EXPECT_FALSE(has_listener("", 80));
    EXPECT_TRUE(has_listener("  0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A x\n", 22));
    EXPECT_FALSE(has_listener("0: :0016 0A", 22));
}

}  // namespace
}  // namespace holm::supervisor
