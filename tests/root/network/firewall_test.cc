// Rules run as one transaction; what is wrong with them is said by line.
#include "kernel/firewall.h"

#include <linux/netfilter.h>

#include "network/apply_host.h"
#include "wire.h"

namespace holm::network {
namespace {

class Firewall : public test::Wire {};

TEST_F(Firewall, BothTablesOrNone)
{
    EXPECT_FALSE(*has_ruleset());
    Result<> done = apply_ruleset("add table inet holm\nadd chain inet holm forward { type filter hook forward priority 0; }\n");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_TRUE(*kernel::has_table(NFPROTO_INET, "holm"));
    EXPECT_FALSE(*has_ruleset());
    ASSERT_TRUE(apply_ruleset("table bridge holm {\n set ports { type ifname; }\n}\n"));
    EXPECT_TRUE(*has_ruleset());
    ASSERT_TRUE(apply_ruleset("delete table inet holm\ndelete table bridge holm\n"));
    EXPECT_FALSE(*has_ruleset());
}

TEST_F(Firewall, WhatFailsLeavesNothing)
{
    Result<> refused = apply_ruleset("add table inet holm\nadd chain inet holm x\nadd rule inet holm x frobnicate\n");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(
        refused.error().text.starts_with("the firewall refuses line 3 of the rules, 'add rule inet holm x frobnicate': syntax error"))
        << refused.error().text;
    EXPECT_FALSE(*kernel::has_table(NFPROTO_INET, "holm"));

    // Well written, and refused by the kernel.
    refused = apply_ruleset("add table inet holm\nadd chain inet holm x\nadd rule inet holm x jump nowhere\n");
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().text.starts_with("the firewall refuses line 3 of the rules, 'add rule inet holm x jump nowhere': "))
        << refused.error().text;
    EXPECT_FALSE(*kernel::has_table(NFPROTO_INET, "holm"));
}

TEST_F(Firewall, NoRulesAtAll)
{
    EXPECT_TRUE(apply_ruleset(""));
}

}  // namespace
}  // namespace holm::network
